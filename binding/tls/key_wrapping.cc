#include "tls/key_wrapping.h"

#include <openssl/aes.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "memory/secret_bytes.h"
#include "tls/error.h"

namespace s2npkey::tls {

namespace {

constexpr size_t kAesKeyLength = 32;
// RFC 5649: padding of at most 7 bytes, and 8 bytes of integrity check.
constexpr size_t kWrappingOverhead = 15;
constexpr int kShortestWrappingKey = 2048;

bssl::UniquePtr<EVP_PKEY> ReadWrappingKey(const uint8_t* der, size_t length) {
  CBS cbs;
  CBS_init(&cbs, der, length);
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  ERR_clear_error();
  if (!key || CBS_len(&cbs) != 0 || EVP_PKEY_id(key.get()) != EVP_PKEY_RSA ||
      EVP_PKEY_bits(key.get()) < kShortestWrappingKey) {
    throw Error("ERR_S2N_PKEY_KEY_INVALID",
                "wrapping key: expected an RSA public key of 2048 bits or more, as a DER "
                "SubjectPublicKeyInfo");
  }
  return key;
}

void Check(bool done) {
  ERR_clear_error();
  if (!done) {
    throw Error("ERR_S2N_PKEY_KEY_INVALID", "wrapping key: the key could not be encrypted with it");
  }
}

// Copied to where it is wiped, whatever frees the original.
memory::SecretBytes Pkcs8Der(const EVP_PKEY* key) {
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t length = 0;
  Check(CBB_init(cbb.get(), 4096) && EVP_marshal_private_key(cbb.get(), key) &&
        CBB_finish(cbb.get(), &der, &length));
  const bssl::UniquePtr<uint8_t> owned(der);  // OPENSSL_free wipes
  return memory::SecretBytes(der, der + length);
}

}  // namespace

std::vector<uint8_t> WrapPrivateKey(const EVP_PKEY* key, const uint8_t* wrapping_key,
                                    size_t length) {
  const bssl::UniquePtr<EVP_PKEY> wrapping = ReadWrappingKey(wrapping_key, length);
  memory::SecretBytes aes_key(kAesKeyLength);
  Check(RAND_bytes(aes_key.data(), aes_key.size()) == 1);

  const bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(wrapping.get(), nullptr));
  auto encrypted_length = static_cast<size_t>(EVP_PKEY_size(wrapping.get()));
  const memory::SecretBytes der = Pkcs8Der(key);
  std::vector<uint8_t> wrapped(encrypted_length + der.size() + kWrappingOverhead);
  Check(context && EVP_PKEY_encrypt_init(context.get()) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) == 1 &&
        EVP_PKEY_encrypt(context.get(), wrapped.data(), &encrypted_length, aes_key.data(),
                         aes_key.size()) == 1);

  AES_KEY schedule;
  size_t wrapped_length = 0;
  const bool done =
      AES_set_encrypt_key(aes_key.data(), kAesKeyLength * 8, &schedule) == 0 &&
      AES_wrap_key_padded(&schedule, wrapped.data() + encrypted_length, &wrapped_length,
                          wrapped.size() - encrypted_length, der.data(), der.size()) == 1;
  OPENSSL_cleanse(&schedule, sizeof(schedule));
  Check(done);
  wrapped.resize(encrypted_length + wrapped_length);
  return wrapped;
}

}  // namespace s2npkey::tls
