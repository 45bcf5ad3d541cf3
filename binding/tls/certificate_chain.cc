#include "tls/certificate_chain.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>

#include "s2n/internals.h"
#include "tls/error.h"
#include "tls/library.h"

namespace s2npkey::tls {

namespace {

std::vector<std::vector<uint8_t>> IssuersOf(const std::string& pem) {
  std::vector<std::vector<uint8_t>> issuers;
  const bssl::UniquePtr<BIO> source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  for (;;) {
    const bssl::UniquePtr<X509> certificate(
        PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    const uint8_t* name = nullptr;
    size_t length = 0;
    if (X509_NAME_get0_der(X509_get_issuer_name(certificate.get()), &name, &length))
      issuers.emplace_back(name, name + length);
  }
  ERR_clear_error();
  return issuers;
}

}  // namespace

std::shared_ptr<const CertificateChain> CertificateChain::Create(
    const std::string& pem, const std::vector<uint8_t>& ocsp_response) {
  InitializeLibrary();
  return std::shared_ptr<const CertificateChain>(
      new CertificateChain(pem, ocsp_response));  // owned at once; the constructor is private
}

CertificateChain::CertificateChain(const std::string& pem,
                                   const std::vector<uint8_t>& ocsp_response)
    : key_(CertificateKey::OfChain(pem)),
      issuers_(IssuersOf(pem)),
      chain_(s2n_cert_chain_and_key_new()) {
  if (!chain_) throw Error("ERR_S2N_PKEY_CONFIG", "no memory for a certificate chain");
  // s2n takes the text as mutable bytes and only reads them.
  std::string text = pem;
  CheckS2n(s2n_cert_chain_and_key_load_public_pem_bytes(chain_.get(),
                                                        reinterpret_cast<uint8_t*>(text.data()),
                                                        static_cast<uint32_t>(text.size())),
           "ERR_S2N_PKEY_CERTIFICATE_INVALID",
           "cert: expected a PEM certificate chain, the server's own certificate first");
  if (key_.type == CertificateKey::Type::kMlDsa) {
    CheckS2n(s2npkey_use_public_key(chain_.get()), "ERR_S2N_PKEY_CERTIFICATE_INVALID",
             "cert: the public key of the ML-DSA certificate");
  }
  if (!ocsp_response.empty()) {
    CheckS2n(s2n_cert_chain_and_key_set_ocsp_data(chain_.get(), ocsp_response.data(),
                                                  static_cast<uint32_t>(ocsp_response.size())),
             "ERR_S2N_PKEY_CONFIG", "ocspResponse");
  }
}

bool CertificateChain::IsIssuedBy(const uint8_t* name, size_t length) const {
  return std::any_of(issuers_.begin(), issuers_.end(), [&](const std::vector<uint8_t>& issuer) {
    return std::equal(issuer.begin(), issuer.end(), name, name + length);
  });
}

}  // namespace s2npkey::tls
