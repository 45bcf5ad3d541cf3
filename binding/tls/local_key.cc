#include "tls/local_key.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include <utility>

#include "tls/error.h"
#include "tls/key_wrapping.h"
#include "tls/private_key_pem.h"

namespace s2npkey::tls {

namespace {

enum class Algorithm { kEcdsa, kRsaPss, kRsaPkcs1, kMlDsa };

struct Scheme {
  uint16_t code;
  Algorithm algorithm;
  const EVP_MD* (*hash)();  // null for ML-DSA, which signs a mu
  int level = NID_undef;    // of ML-DSA
};

// IANA registry "TLS SignatureScheme".
constexpr Scheme kSchemes[] = {
    {0x0403, Algorithm::kEcdsa, EVP_sha256},
    {0x0503, Algorithm::kEcdsa, EVP_sha384},
    {0x0603, Algorithm::kEcdsa, EVP_sha512},
    {0x0804, Algorithm::kRsaPss, EVP_sha256},
    {0x0805, Algorithm::kRsaPss, EVP_sha384},
    {0x0806, Algorithm::kRsaPss, EVP_sha512},
    {0x0401, Algorithm::kRsaPkcs1, EVP_sha256},
    {0x0501, Algorithm::kRsaPkcs1, EVP_sha384},
    {0x0601, Algorithm::kRsaPkcs1, EVP_sha512},
    {0x0904, Algorithm::kMlDsa, nullptr, NID_MLDSA44},
    {0x0905, Algorithm::kMlDsa, nullptr, NID_MLDSA65},
    {0x0906, Algorithm::kMlDsa, nullptr, NID_MLDSA87},
};

constexpr size_t kMuLength = 64;  // FIPS 204 section 6.2

const Scheme* SchemeOf(uint16_t code) {
  for (const Scheme& candidate : kSchemes) {
    if (candidate.code == code) return &candidate;
  }
  return nullptr;
}

int KindOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEcdsa:
      return EVP_PKEY_EC;
    case Algorithm::kMlDsa:
      return EVP_PKEY_PQDSA;
    default:
      return EVP_PKEY_RSA;
  }
}

// A context ready to sign or verify a digest, or the mu of ML-DSA, under the scheme; null when they
// do not fit.
bssl::UniquePtr<EVP_PKEY_CTX> Prepare(EVP_PKEY* key, uint16_t code, size_t length, bool sign) {
  const Scheme* scheme = SchemeOf(code);
  if (!scheme || EVP_PKEY_id(key) != KindOf(scheme->algorithm)) return nullptr;
  const bool mldsa = scheme->algorithm == Algorithm::kMlDsa;
  if (length != (mldsa ? kMuLength : EVP_MD_size(scheme->hash()))) return nullptr;
  if (mldsa && EVP_PKEY_pqdsa_get_type(key) != scheme->level) return nullptr;
  bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context ||
      !(sign ? EVP_PKEY_sign_init(context.get()) : EVP_PKEY_verify_init(context.get()))) {
    return nullptr;
  }
  if (mldsa) return context;
  if (!EVP_PKEY_CTX_set_signature_md(context.get(), scheme->hash())) return nullptr;
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

memory::SecretBytes LocalKey::GenerateMlDsa(uint16_t code) {
  const Scheme* scheme = SchemeOf(code);
  const int level = scheme ? scheme->level : NID_undef;
  const bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_PQDSA, nullptr));
  EVP_PKEY* made = nullptr;
  if (level == NID_undef || !context || !EVP_PKEY_CTX_pqdsa_set_params(context.get(), level) ||
      !EVP_PKEY_keygen_init(context.get()) || !EVP_PKEY_keygen(context.get(), &made)) {
    throw Error("ERR_S2N_PKEY_KEY_INVALID", "key: no ML-DSA key can be made under this scheme");
  }
  const bssl::UniquePtr<EVP_PKEY> key(made);
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t length = 0;
  if (!CBB_init(cbb.get(), 64) || !EVP_marshal_private_key(cbb.get(), key.get()) ||
      !CBB_finish(cbb.get(), &der, &length)) {
    throw Error("ERR_S2N_PKEY_KEY_INVALID", "key: the new ML-DSA key could not be encoded");
  }
  const bssl::UniquePtr<uint8_t> owned(der);  // AWS-LC wipes what it frees
  return memory::SecretBytes(der, der + length);
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
