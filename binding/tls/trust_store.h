// Authorities and revocation lists, and the verification of a peer's chain with them.
#pragma once

#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tls/certificate_strength.h"
#include "tls/verification.h"

namespace s2npkey::tls {

struct TrustStoreOptions {
  std::vector<std::string> authorities_pem;  // each has one or more certificates
  // Whether to skip unusable texts of authorities_pem (see skipped) instead of throwing.
  bool skip_unusable = false;
  // Each has one or more lists. If there is one, every certificate of a chain needs a valid list of
  // its issuer, as in node:tls.
  std::vector<std::string> revocation_lists_pem;
  // Whether an authority that is not self-signed can end a chain.
  bool allow_partial_chain = false;
  // Whether to send the names of the authorities with a certificate request.
  bool names_authorities = false;
};

// Immutable. Used by any thread.
class TrustStore {
 public:
  enum class Peer : uint8_t { kServer, kClient };  // the purpose of its certificate

  // Throws Error: ERR_S2N_PKEY_CA_INVALID, ERR_S2N_PKEY_CRL_INVALID.
  static std::shared_ptr<const TrustStore> Create(const TrustStoreOptions& options);

  // Verifies at the current time. `chain` has the peer's own certificate first, then the others
  // that it sent. Fills `path` with the certificates (DER) from the peer's own to the last one
  // found, an authority if the chain verifies. Each of them must have this strength.
  Verification Verify(STACK_OF(X509) * chain, Peer peer, const CertificateStrength& strength,
                      std::vector<std::vector<uint8_t>>* path) const;

  // Indices into authorities_pem of the texts that were skipped.
  const std::vector<size_t>& skipped() const noexcept { return skipped_; }
  // The distinguished names of the authorities in their order, DER, each after its length in two
  // bytes. Empty without names_authorities, or if a message cannot hold them.
  const std::vector<uint8_t>& authority_names() const noexcept { return authority_names_; }

  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;

 private:
  explicit TrustStore(const TrustStoreOptions& options);

  bssl::UniquePtr<X509_STORE> store_;
  unsigned long flags_ = 0;  // X509_V_FLAG_…
  std::vector<size_t> skipped_;
  std::vector<uint8_t> authority_names_;
};

}  // namespace s2npkey::tls
