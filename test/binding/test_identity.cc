#include "test_identity.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdlib>

namespace s2npkey::test {

namespace {

std::string TextOf(BIO* bio) {
  const uint8_t* data = nullptr;
  size_t length = 0;
  if (!BIO_mem_contents(bio, &data, &length)) std::abort();
  return std::string(reinterpret_cast<const char*>(data), length);
}

Identity Make(EVP_PKEY* key) {
  const bssl::UniquePtr<X509> certificate(X509_new());
  X509* x509 = certificate.get();
  const auto* name = reinterpret_cast<const uint8_t*>("test.s2n-pkey");
  if (!X509_set_version(x509, X509_VERSION_3) ||
      !ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) ||
      !X509_gmtime_adj(X509_getm_notBefore(x509), -3600) ||
      !X509_gmtime_adj(X509_getm_notAfter(x509), 86400) ||
      !X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, name, -1, -1,
                                  0) ||
      !X509_set_issuer_name(x509, X509_get_subject_name(x509)) || !X509_set_pubkey(x509, key) ||
      !X509_sign(x509, key, EVP_PKEY_id(key) == EVP_PKEY_PQDSA ? nullptr : EVP_sha256())) {
    std::abort();
  }
  const bssl::UniquePtr<BIO> private_key(BIO_new(BIO_s_mem()));
  const bssl::UniquePtr<BIO> chain(BIO_new(BIO_s_mem()));
  if (!PEM_write_bio_PKCS8PrivateKey(private_key.get(), key, nullptr, nullptr, 0, nullptr,
                                     nullptr) ||
      !PEM_write_bio_X509(chain.get(), x509)) {
    std::abort();
  }
  return {TextOf(private_key.get()), TextOf(chain.get())};
}

}  // namespace

Identity Identity::Ecdsa(int curve_nid) {
  const bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve_nid));
  const bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!EC_KEY_generate_key(ec.get()) || !EVP_PKEY_set1_EC_KEY(key.get(), ec.get())) std::abort();
  return Make(key.get());
}

Identity Identity::Rsa(int bits) {
  const bssl::UniquePtr<RSA> rsa(RSA_new());
  const bssl::UniquePtr<BIGNUM> exponent(BN_new());
  const bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!BN_set_word(exponent.get(), RSA_F4) ||
      !RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr) ||
      !EVP_PKEY_set1_RSA(key.get(), rsa.get())) {
    std::abort();
  }
  return Make(key.get());
}

Identity Identity::MlDsa(int level) {
  const bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_PQDSA, nullptr));
  EVP_PKEY* key = nullptr;
  if (!EVP_PKEY_CTX_pqdsa_set_params(context.get(), level) ||
      !EVP_PKEY_keygen_init(context.get()) || !EVP_PKEY_keygen(context.get(), &key)) {
    std::abort();
  }
  const bssl::UniquePtr<EVP_PKEY> owned(key);
  return Make(key);
}

const Identity& P256() {
  static const Identity identity = Identity::Ecdsa(NID_X9_62_prime256v1);
  return identity;
}

}  // namespace s2npkey::test
