#include "tls/certificate_chain.h"

#include "tls/error.h"
#include "tls/library.h"

namespace keyless::tls {

std::shared_ptr<const CertificateChain> CertificateChain::Create(
    const std::string& pem, const std::vector<uint8_t>& ocsp_response) {
  InitializeLibrary();
  return std::shared_ptr<const CertificateChain>(
      new CertificateChain(pem, ocsp_response));  // owned at once; the constructor is private
}

CertificateChain::CertificateChain(const std::string& pem,
                                   const std::vector<uint8_t>& ocsp_response)
    : key_(CertificateKey::OfChain(pem)), chain_(s2n_cert_chain_and_key_new()) {
  if (!chain_) throw Error("ERR_S2N_PKEY_CONFIG", "no memory for a certificate chain");
  // s2n takes the text as mutable bytes and only reads them.
  std::string text = pem;
  CheckS2n(s2n_cert_chain_and_key_load_public_pem_bytes(chain_.get(),
                                                        reinterpret_cast<uint8_t*>(text.data()),
                                                        static_cast<uint32_t>(text.size())),
           "ERR_S2N_PKEY_CERTIFICATE_INVALID",
           "cert: expected a PEM certificate chain, the server's own certificate first");
  if (!ocsp_response.empty()) {
    CheckS2n(s2n_cert_chain_and_key_set_ocsp_data(chain_.get(), ocsp_response.data(),
                                                  static_cast<uint32_t>(ocsp_response.size())),
             "ERR_S2N_PKEY_CONFIG", "ocspResponse");
  }
}

}  // namespace keyless::tls
