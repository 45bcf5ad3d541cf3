// WrapPrivateKey: what it encrypts, the holder of the wrapping key gets back, and nothing else.
#include "tls/key_wrapping.h"

#include <openssl/aes.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <string>
#include <vector>

#include "test.h"
#include "test_identity.h"
#include "tls/error.h"
#include "tls/local_key.h"

namespace s2npkey::test {

namespace {

using tls::LocalKey;

bssl::UniquePtr<EVP_PKEY> Parse(const std::string& pem) {
  const bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bssl::UniquePtr<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

// By RFC 8017 and RFC 5649, as a key service does it; null if that fails.
bssl::UniquePtr<EVP_PKEY> Unwrap(EVP_PKEY* wrapping, const std::vector<uint8_t>& wrapped) {
  const auto modulus = static_cast<size_t>(EVP_PKEY_size(wrapping));
  std::vector<uint8_t> aes_key(modulus);
  size_t aes_length = modulus;
  const bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(wrapping, nullptr));
  if (!EVP_PKEY_decrypt_init(context.get()) ||
      !EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) ||
      !EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) ||
      !EVP_PKEY_decrypt(context.get(), aes_key.data(), &aes_length, wrapped.data(), modulus) ||
      aes_length != 32) {
    return nullptr;
  }
  AES_KEY schedule;
  std::vector<uint8_t> der(wrapped.size() - modulus);
  size_t length = 0;
  if (AES_set_decrypt_key(aes_key.data(), 256, &schedule) != 0 ||
      !AES_unwrap_key_padded(&schedule, der.data(), &length, der.size(), wrapped.data() + modulus,
                             wrapped.size() - modulus)) {
    return nullptr;
  }
  CBS cbs;
  CBS_init(&cbs, der.data(), length);
  return bssl::UniquePtr<EVP_PKEY>(EVP_parse_private_key(&cbs));
}

const char* CodeOfWrapping(const LocalKey& key, const std::vector<uint8_t>& wrapping_key) {
  try {
    key.Wrap(wrapping_key.data(), wrapping_key.size());
  } catch (const tls::Error& error) {
    return error.code();
  }
  return "";
}

}  // namespace

TEST(a_wrapped_key_of_any_kind_is_unwrapped_to_the_same_key) {
  const std::string wrapping_pem = Identity::Rsa(2048).private_key_pem;
  const bssl::UniquePtr<EVP_PKEY> wrapping = Parse(wrapping_pem);
  const std::vector<uint8_t> wrapping_key = LocalKey::FromPem(wrapping_pem, "")->PublicKeyDer();
  for (const std::string& pem :
       {Identity::Ecdsa(NID_X9_62_prime256v1).private_key_pem,
        Identity::Ecdsa(NID_secp384r1).private_key_pem,
        Identity::Ecdsa(NID_secp521r1).private_key_pem, Identity::Rsa(3072).private_key_pem}) {
    const auto key = LocalKey::FromPem(pem, "");
    const std::vector<uint8_t> wrapped = key->Wrap(wrapping_key.data(), wrapping_key.size());
    const bssl::UniquePtr<EVP_PKEY> unwrapped = Unwrap(wrapping.get(), wrapped);
    EXPECT(unwrapped != nullptr);
    EXPECT(unwrapped && EVP_PKEY_cmp(unwrapped.get(), Parse(pem).get()) == 1);
    // A new AES key and a new seed each time.
    EXPECT(wrapped != key->Wrap(wrapping_key.data(), wrapping_key.size()));
  }
}

TEST(a_key_is_not_wrapped_for_what_is_no_rsa_key_of_2048_bits) {
  const auto key = LocalKey::FromPem(Identity::Ecdsa(NID_secp384r1).private_key_pem, "");
  std::vector<uint8_t> rsa =
      LocalKey::FromPem(Identity::Rsa(2048).private_key_pem, "")->PublicKeyDer();
  EXPECT_EQ(std::string(CodeOfWrapping(*key, rsa)), "");
  const std::string refused = "ERR_S2N_PKEY_KEY_INVALID";
  EXPECT_EQ(std::string(CodeOfWrapping(*key, {})), refused);
  EXPECT_EQ(std::string(CodeOfWrapping(*key, key->PublicKeyDer())), refused);
  rsa.push_back(0);
  EXPECT_EQ(std::string(CodeOfWrapping(*key, rsa)), refused);
  rsa.resize(rsa.size() / 2);
  EXPECT_EQ(std::string(CodeOfWrapping(*key, rsa)), refused);
}

}  // namespace s2npkey::test
