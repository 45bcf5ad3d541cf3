#include "tls/local_key.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/rsa.h>

#include <utility>

#include "tls/error.h"
#include "tls/key_wrapping.h"
#include "tls/private_key_pem.h"

namespace s2npkey::tls {

namespace {

enum class Algorithm { kEcdsa, kRsaPss, kRsaPkcs1 };

struct Scheme {
  uint16_t code;
  Algorithm algorithm;
  const EVP_MD* (*hash)();
};

// IANA registry "TLS SignatureScheme".
constexpr Scheme kSchemes[] = {
    {0x0403, Algorithm::kEcdsa, EVP_sha256},    {0x0503, Algorithm::kEcdsa, EVP_sha384},
    {0x0603, Algorithm::kEcdsa, EVP_sha512},    {0x0804, Algorithm::kRsaPss, EVP_sha256},
    {0x0805, Algorithm::kRsaPss, EVP_sha384},   {0x0806, Algorithm::kRsaPss, EVP_sha512},
    {0x0401, Algorithm::kRsaPkcs1, EVP_sha256}, {0x0501, Algorithm::kRsaPkcs1, EVP_sha384},
    {0x0601, Algorithm::kRsaPkcs1, EVP_sha512},
};

// A context ready to sign or verify a digest under the scheme; null when they do not fit.
bssl::UniquePtr<EVP_PKEY_CTX> Prepare(EVP_PKEY* key, uint16_t code, size_t length, bool sign) {
  const Scheme* scheme = nullptr;
  for (const Scheme& candidate : kSchemes) {
    if (candidate.code == code) scheme = &candidate;
  }
  if (!scheme || length != EVP_MD_size(scheme->hash())) return nullptr;
  const int wanted = scheme->algorithm == Algorithm::kEcdsa ? EVP_PKEY_EC : EVP_PKEY_RSA;
  if (EVP_PKEY_id(key) != wanted) return nullptr;
  bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context ||
      !(sign ? EVP_PKEY_sign_init(context.get()) : EVP_PKEY_verify_init(context.get())) ||
      !EVP_PKEY_CTX_set_signature_md(context.get(), scheme->hash())) {
    return nullptr;
  }
  if (scheme->algorithm == Algorithm::kRsaPss &&
      (!EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) ||
       !EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) ||
       !EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), scheme->hash()))) {
    return nullptr;
  }
  if (scheme->algorithm == Algorithm::kRsaPkcs1 &&
      !EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING)) {
    return nullptr;
  }
  return context;
}

}  // namespace

LocalKey::LocalKey(Token, bssl::UniquePtr<EVP_PKEY> key) : key_(std::move(key)) {}

std::shared_ptr<const LocalKey> LocalKey::FromPem(std::string_view pem,
                                                  std::string_view passphrase) {
  return std::make_shared<const LocalKey>(Token(), ReadPrivateKeyPem(pem, passphrase));
}

bool LocalKey::Sign(uint16_t scheme, const uint8_t* input, size_t length,
                    std::vector<uint8_t>* signature) const noexcept {
  const bssl::UniquePtr<EVP_PKEY_CTX> context = Prepare(key_.get(), scheme, length, true);
  auto size = static_cast<size_t>(EVP_PKEY_size(key_.get()));
  signature->resize(size);
  const bool done =
      context && EVP_PKEY_sign(context.get(), signature->data(), &size, input, length) == 1;
  signature->resize(done ? size : 0);
  ERR_clear_error();
  return done;
}

bool LocalKey::Verify(uint16_t scheme, const uint8_t* input, size_t length,
                      const uint8_t* signature, size_t signature_length) const noexcept {
  const bssl::UniquePtr<EVP_PKEY_CTX> context = Prepare(key_.get(), scheme, length, false);
  const bool valid =
      context && EVP_PKEY_verify(context.get(), signature, signature_length, input, length) == 1;
  ERR_clear_error();
  return valid;
}

std::vector<uint8_t> LocalKey::PublicKeyDer() const {
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t length = 0;
  if (!CBB_init(cbb.get(), 512) || !EVP_marshal_public_key(cbb.get(), key_.get()) ||
      !CBB_finish(cbb.get(), &der, &length)) {
    throw Error("ERR_S2N_PKEY_KEY_INVALID", "key: its public half could not be encoded");
  }
  const bssl::UniquePtr<uint8_t> owned(der);
  return std::vector<uint8_t>(der, der + length);
}

std::vector<uint8_t> LocalKey::Wrap(const uint8_t* wrapping_key, size_t length) const {
  return WrapPrivateKey(key_.get(), wrapping_key, length);
}

}  // namespace s2npkey::tls
