// A certificate chain without its private key: parsed once, and shared by every configuration that
// presents it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tls/s2n_handles.h"
#include "tls/security_policy.h"

namespace s2npkey::tls {

// Immutable. Used by any thread.
class CertificateChain {
 public:
  // `pem` has the leaf first. `ocsp_response` is DER, stapled for clients that request it (RFC 6066
  // section 8); empty for none. Throws Error ERR_S2N_PKEY_CERTIFICATE_INVALID.
  static std::shared_ptr<const CertificateChain> Create(
      const std::string& pem, const std::vector<uint8_t>& ocsp_response = {});

  // s2n's functions take a mutable chain, but only read it.
  s2n_cert_chain_and_key* get() const noexcept { return chain_.get(); }
  // The leaf's public key.
  const CertificateKey& key() const noexcept { return key_; }
  // Whether the issuer of one of its certificates has this name (DER).
  bool IsIssuedBy(const uint8_t* name, size_t length) const;

  CertificateChain(const CertificateChain&) = delete;
  CertificateChain& operator=(const CertificateChain&) = delete;

 private:
  CertificateChain(const std::string& pem, const std::vector<uint8_t>& ocsp_response);

  CertificateKey key_;
  std::vector<std::vector<uint8_t>> issuers_;  // names, DER
  CertificateChainHandle chain_;
};

}  // namespace s2npkey::tls
