#include "tls/trust_store.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>

#include "tls/error.h"
#include "tls/library.h"
#include "tls/name_constraints.h"

namespace s2npkey::tls {

namespace {

struct FreeChain {
  void operator()(STACK_OF(X509) * chain) const noexcept { sk_X509_pop_free(chain, X509_free); }
};

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

// What both versions of TLS can say in one request for a certificate, with room for the rest of it.
constexpr size_t kLongestNames = 60 * 1024;

void AddName(X509* authority, std::vector<uint8_t>* names) {
  const uint8_t* name = nullptr;
  size_t length = 0;
  if (!X509_NAME_get0_der(X509_get_subject_name(authority), &name, &length) || length > UINT16_MAX)
    return;
  names->push_back(static_cast<uint8_t>(length >> 8));
  names->push_back(static_cast<uint8_t>(length));
  names->insert(names->end(), name, name + length);
}

void AddAuthorities(X509_STORE* store, const std::string& pem, std::vector<uint8_t>* names) {
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
    AddName(certificate.get(), names);
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
bool IsOwnAnchor(X509_STORE_CTX* context, X509* certificate) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  if (X509_NAME_cmp(subject, X509_get_issuer_name(certificate)) != 0) return false;
  const std::unique_ptr<STACK_OF(X509), FreeChain> trusted(
      X509_STORE_CTX_get1_certs(context, subject));
  for (size_t i = 0; trusted && i < sk_X509_num(trusted.get()); i++) {
    if (X509_cmp(sk_X509_value(trusted.get(), i), certificate) != 0) continue;
    return X509_verify(certificate, X509_get0_pubkey(certificate)) == 1;
  }
  return false;
}

// Whether OpenSSL takes a certificate for one that signed itself: by its names and key identifiers,
// whatever its key is for. AWS-LC does only where the key is for that.
bool SeemsSelfSigned(X509* certificate) {
  return X509_check_issued(certificate, certificate) == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

// Whether it says that nobody who is trusted vouches for a certificate.
bool IsOfNoIssuer(int error) {
  return error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
         error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
         error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
}

// How a verification goes, for OnStep to see.
struct Course {
  bool names_host;  // see IsForgivenCommonName
  // Goes on after an error: only to find the name that OpenSSL would give it, never to decide.
  bool goes_on;
  int error = X509_V_OK;  // the last one
  int out_of_scope = -1;  // the certificate whose revocation list is for others
};

// Whether it is found while a certificate is looked for in a revocation list.
bool IsOfRevocation(int error) {
  switch (error) {
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_CERT_REVOKED:
      return true;
    default:
      return false;
  }
}

// X509_verify_cert's callback.
int OnStep(int ok, X509_STORE_CTX* context) {
  if (ok) return 1;
  auto* course = static_cast<Course*>(X509_STORE_CTX_get_app_data(context));
  const bool forgiven = IsForgivenCommonName(context, course->names_host);
  if (!forgiven) {
    const int error = X509_STORE_CTX_get_error(context);
    const int depth = X509_STORE_CTX_get_error_depth(context);
    if (error == X509_V_ERR_DIFFERENT_CRL_SCOPE) course->out_of_scope = depth;
    // Of such a list OpenSSL says in the end that there is none.
    const bool no_list = depth == course->out_of_scope && IsOfRevocation(error);
    course->error = no_list ? X509_V_ERR_UNABLE_TO_GET_CRL : error;
  }
  X509_STORE_CTX_set_error(context, course->error);
  return forgiven || course->goes_on;
}

// OpenSSL looks at the strength of a path when it is built and its extensions were checked. The
// last that it finds is its answer.
bool IsFoundBeforeStrength(int error) {
  switch (error) {
    case X509_V_OK:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_CERT_REJECTED:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::shared_ptr<const TrustStore> TrustStore::Create(const TrustStoreOptions& options) {
  InitializeLibrary();
  return std::shared_ptr<const TrustStore>(new TrustStore(options));
}

TrustStore::TrustStore(const TrustStoreOptions& options) : store_(X509_STORE_new()) {
  if (!store_) throw Error("ERR_S2N_PKEY_CONFIG", "no memory for certificate authorities");
  for (size_t i = 0; i < options.authorities_pem.size(); i++) {
    try {
      AddAuthorities(store_.get(), options.authorities_pem[i], &authority_names_);
    } catch (const Error&) {
      if (!options.skip_unusable) throw;
      skipped_.push_back(i);
    }
  }
  if (!options.names_authorities || authority_names_.size() > kLongestNames) authority_names_ = {};
  for (const std::string& pem : options.revocation_lists_pem) AddRevocationLists(store_.get(), pem);
  if (!options.revocation_lists_pem.empty())
    flags_ |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  if (options.allow_partial_chain) flags_ |= X509_V_FLAG_PARTIAL_CHAIN;
}

Verification TrustStore::Verify(STACK_OF(X509) * chain, Peer peer,
                                const CertificateStrength& strength,
                                std::vector<std::vector<uint8_t>>* path) const {
  X509* leaf = sk_X509_value(chain, 0);
  const auto verify = [&](bool find_name) {
    const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
    const std::unique_ptr<STACK_OF(X509), FreeChain> own(sk_X509_new_null());
    if (!context || !own || !X509_STORE_CTX_init(context.get(), store_.get(), leaf, chain) ||
        !X509_STORE_CTX_set_default(context.get(),
                                    peer == Peer::kServer ? "ssl_server" : "ssl_client")) {
      return int{X509_V_ERR_OUT_OF_MEM};
    }
    X509_STORE_CTX_set_flags(context.get(), flags_);
    if (IsOwnAnchor(context.get(), leaf)) {
      if (!sk_X509_push(own.get(), leaf)) return int{X509_V_ERR_OUT_OF_MEM};
      X509_up_ref(leaf);
      X509_STORE_CTX_set0_trusted_stack(context.get(), own.get());
      X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
    }
    Course course{peer == Peer::kServer, find_name};
    if (!X509_STORE_CTX_set_app_data(context.get(), &course)) return int{X509_V_ERR_OUT_OF_MEM};
    X509_STORE_CTX_set_verify_cb(context.get(), OnStep);
    const bool verified = X509_verify_cert(context.get()) == 1;
    const STACK_OF(X509)* found = X509_STORE_CTX_get0_chain(context.get());
    *path = ToDer(found);
    int error = X509_STORE_CTX_get_error(context.get());
    if (verified && !find_name) {
      error = X509_V_OK;
    } else if (error == X509_V_OK && !verified) {
      error = X509_V_ERR_UNSPECIFIED;
    }
    if (IsOfNoIssuer(error) && SeemsSelfSigned(leaf))
      error = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
    const int weakness = IsFoundBeforeStrength(error) ? strength.CheckPath(found) : X509_V_OK;
    if (weakness != X509_V_OK) error = weakness;
    if (error == X509_V_OK) error = strength.CheckLeafKey(leaf);
    return error == X509_V_OK && find_name ? int{X509_V_ERR_UNSPECIFIED} : error;
  };
  Verification result;
  result.error = verify(false);
  // node:tls lets OpenSSL go on after an error, and names the last one: an unknown issuer is
  // UNABLE_TO_VERIFY_LEAF_SIGNATURE.
  if (!result.ok()) result.error = verify(true);
  ERR_clear_error();
  return result;
}

}  // namespace s2npkey::tls
