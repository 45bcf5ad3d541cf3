#include "tls/trust_store.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>

#include "tls/error.h"
#include "tls/library.h"

namespace keyless::tls {

namespace {

bssl::UniquePtr<BIO> Read(const std::string& pem) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Whether the last read found no further PEM block, rather than a broken one.
bool AtEnd() {
  const uint32_t error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return at_end;
}

void AddAuthorities(X509_STORE* store, const std::string& pem) {
  const bssl::UniquePtr<BIO> source = Read(pem);
  int count = 0;
  for (;; count++) {
    // "TRUSTED CERTIFICATE" blocks are read too, as OpenSSL does.
    const bssl::UniquePtr<X509> certificate(
        PEM_read_bio_X509_AUX(source.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    if (!X509_STORE_add_cert(store, certificate.get())) {
      throw Error("ERR_S2N_PKEY_CA_INVALID", "ca: a certificate cannot be used as an authority");
    }
  }
  if (!AtEnd() || count == 0) {
    throw Error("ERR_S2N_PKEY_CA_INVALID",
                "ca: expected PEM with \"-----BEGIN CERTIFICATE-----\"; certificate " +
                    std::to_string(count + 1) + " of it cannot be read");
  }
}

void AddRevocationLists(X509_STORE* store, const std::string& pem) {
  const bssl::UniquePtr<BIO> source = Read(pem);
  int count = 0;
  for (;; count++) {
    const bssl::UniquePtr<X509_CRL> list(
        PEM_read_bio_X509_CRL(source.get(), nullptr, nullptr, nullptr));
    if (!list) break;
    if (!X509_STORE_add_crl(store, list.get())) {
      throw Error("ERR_S2N_PKEY_CRL_INVALID", "crl: a revocation list cannot be used");
    }
  }
  if (!AtEnd() || count == 0) {
    throw Error("ERR_S2N_PKEY_CRL_INVALID",
                "crl: expected PEM with \"-----BEGIN X509 CRL-----\"; list " +
                    std::to_string(count + 1) + " of it cannot be read");
  }
}

std::vector<std::vector<uint8_t>> ToDer(const STACK_OF(X509) * chain) {
  std::vector<std::vector<uint8_t>> certificates;
  for (size_t i = 0; chain && i < sk_X509_num(chain); i++) {
    uint8_t* der = nullptr;
    const int length = i2d_X509(sk_X509_value(chain, i), &der);
    if (length <= 0) continue;
    certificates.emplace_back(der, der + length);
    OPENSSL_free(der);
  }
  return certificates;
}

// A certificate that signed itself and is no authority by its key usage, is trusted where it is
// itself among the trusted, as with OpenSSL 3. AWS-LC would look for an issuer other than it.
unsigned long FlagsFor(X509* certificate) {
  const bool signed_itself =
      X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
  return signed_itself ? X509_V_FLAG_PARTIAL_CHAIN : 0;
}

// Goes on after an error: only to find the name that OpenSSL would give it, never to decide.
int GoOn(int, X509_STORE_CTX*) { return 1; }

}  // namespace

std::shared_ptr<const TrustStore> TrustStore::Create(const TrustStoreOptions& options) {
  InitializeLibrary();
  return std::shared_ptr<const TrustStore>(new TrustStore(options));
}

TrustStore::TrustStore(const TrustStoreOptions& options) : store_(X509_STORE_new()) {
  if (!store_) throw Error("ERR_S2N_PKEY_CONFIG", "no memory for certificate authorities");
  for (const std::string& pem : options.authorities_pem) AddAuthorities(store_.get(), pem);
  for (const std::string& pem : options.revocation_lists_pem) AddRevocationLists(store_.get(), pem);
  if (!options.revocation_lists_pem.empty())
    flags_ |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  if (options.allow_partial_chain) flags_ |= X509_V_FLAG_PARTIAL_CHAIN;
}

Verification TrustStore::Verify(STACK_OF(X509) * chain, Peer peer,
                                std::vector<std::vector<uint8_t>>* path) const {
  const auto verify = [&](bool find_name) {
    const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
    if (!context ||
        !X509_STORE_CTX_init(context.get(), store_.get(), sk_X509_value(chain, 0), chain) ||
        !X509_STORE_CTX_set_default(context.get(),
                                    peer == Peer::kServer ? "ssl_server" : "ssl_client")) {
      return int{X509_V_ERR_OUT_OF_MEM};
    }
    X509_STORE_CTX_set_flags(context.get(), flags_ | FlagsFor(sk_X509_value(chain, 0)));
    if (find_name) X509_STORE_CTX_set_verify_cb(context.get(), GoOn);
    const bool verified = X509_verify_cert(context.get()) == 1;
    const int error = X509_STORE_CTX_get_error(context.get());
    *path = ToDer(X509_STORE_CTX_get0_chain(context.get()));
    if (!find_name && verified) return int{X509_V_OK};
    return error == X509_V_OK ? int{X509_V_ERR_UNSPECIFIED} : error;
  };
  Verification result;
  result.error = verify(false);
  // node:tls lets OpenSSL go on after an error, and names the last one: an unknown issuer is
  // UNABLE_TO_VERIFY_LEAF_SIGNATURE.
  if (!result.ok()) result.error = verify(true);
  ERR_clear_error();
  return result;
}

}  // namespace keyless::tls
