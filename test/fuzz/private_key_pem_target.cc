// A private key's PEM text and its passphrase, as a user gives them to LocalKey.
//
// The inputs that are kept hold no key: those that come near one change a key that is made when the
// program starts.
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>

#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "edited_pem.h"
#include "target.h"
#include "test_identity.h"
#include "tls/error.h"
#include "tls/local_key.h"

namespace s2npkey::fuzz {

namespace {

constexpr char kPassphrase[] = "sesame";
constexpr const char* kLabels[] = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
                                   "ENCRYPTED PRIVATE KEY"};

enum class Form { kPlain, kPkcs8, kTraditional };

// The key, plain (SEC 1 or PKCS#1) or encrypted.
std::string Rewritten(const std::string& pem, Form form) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  if (form == Form::kPkcs8) {
    PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(), kPassphrase,
                                  sizeof kPassphrase - 1, nullptr, nullptr);
  } else {
    std::string passphrase = kPassphrase;
    PEM_write_bio_PrivateKey_traditional(out.get(), key.get(),
                                         form == Form::kPlain ? nullptr : EVP_aes_128_cbc(),
                                         reinterpret_cast<uint8_t*>(passphrase.data()),
                                         static_cast<int>(passphrase.size()), nullptr, nullptr);
  }
  const uint8_t* text = nullptr;
  size_t length = 0;
  BIO_mem_contents(out.get(), &text, &length);
  return std::string(reinterpret_cast<const char*>(text), length);
}

const std::array<std::string, 6>& Keys() {
  static const std::string ec = test::Identity::Ecdsa(NID_X9_62_prime256v1).private_key_pem;
  static const std::string rsa = test::Identity::Rsa(2048).private_key_pem;
  static const std::array<std::string, 6> keys = {ec,
                                                  Rewritten(ec, Form::kPlain),
                                                  Rewritten(ec, Form::kPkcs8),
                                                  Rewritten(ec, Form::kTraditional),
                                                  rsa,
                                                  Rewritten(rsa, Form::kPlain)};
  return keys;
}

std::string TextOf(Input* input) {
  const size_t kind = input->Below(1 + std::size(kLabels) + Keys().size());
  if (kind == 0) return input->Text(input->left());
  if (kind <= std::size(kLabels)) return PemBlock(kLabels[kind - 1], "", input->Rest());
  return EditedPem(Keys()[kind - 1 - std::size(kLabels)], input);
}

struct Scheme {
  uint16_t code;
  size_t digest_length;
};
constexpr Scheme kSchemes[] = {{0x0403, 32}, {0x0503, 48}, {0x0603, 64},
                               {0x0804, 32}, {0x0401, 32}, {0x0201, 20}};

}  // namespace

// It is taken, or refused with a reason; and a key that was taken makes no signature that is wrong.
FUZZ_TARGET(private_key_pem) {
  const Scheme scheme = kSchemes[input.Below(std::size(kSchemes))];
  const std::string passphrase = input.Flag() ? kPassphrase : input.Text(input.Byte());
  const std::string pem = TextOf(&input);
  std::shared_ptr<const tls::LocalKey> key;
  try {
    key = tls::LocalKey::FromPem(pem, passphrase);
  } catch (const tls::Error& error) {
    EXPECT(error.code() == std::string("ERR_S2N_PKEY_KEY_INVALID") ||
           error.code() == std::string("ERR_S2N_PKEY_PASSPHRASE"));
    EXPECT(std::string(error.what()).size() > 10);
    return;
  }
  EXPECT(!key->PublicKeyDer().empty());
  const std::vector<uint8_t> digest(scheme.digest_length, 7);
  std::vector<uint8_t> signature;
  if (key->Sign(scheme.code, digest.data(), digest.size(), &signature)) {
    EXPECT(
        key->Verify(scheme.code, digest.data(), digest.size(), signature.data(), signature.size()));
  }
}

}  // namespace s2npkey::fuzz
