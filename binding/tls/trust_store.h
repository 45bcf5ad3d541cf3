// Whom to trust: authorities and revocation lists, and the verification of a peer's chain against
// them.
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
  std::vector<std::string> authorities_pem;  // each with one certificate or more
  // Leave out the texts of authorities_pem that cannot be used (see skipped) instead of throwing.
  bool skip_unusable = false;
  // Each with one list or more. With any, every certificate of a chain needs a list of its issuer's
  // that is in force, as in node:tls.
  std::vector<std::string> revocation_lists_pem;
  // An authority need not be self-signed to end a chain.
  bool allow_partial_chain = false;
  // Whether peers that are asked for a certificate are told the authorities' names.
  bool names_authorities = false;
};

// Immutable once made, and used by any thread.
class TrustStore {
 public:
  enum class Peer : uint8_t { kServer, kClient };  // for what its certificate must be good

  // Throws Error: ERR_S2N_PKEY_CA_INVALID, ERR_S2N_PKEY_CRL_INVALID.
  static std::shared_ptr<const TrustStore> Create(const TrustStoreOptions& options);

  // `chain`: the peer's own certificate first, then whatever it sent along. Time is now. `path`
  // becomes the certificates from the peer's own to the last that was found, DER: an authority
  // where it verifies. Every certificate of it must be of this strength.
  Verification Verify(STACK_OF(X509) * chain, Peer peer, const CertificateStrength& strength,
                      std::vector<std::vector<uint8_t>>* path) const;

  // Indices into authorities_pem.
  const std::vector<size_t>& skipped() const noexcept { return skipped_; }
  // The authorities' distinguished names in the order given, DER, each after its length in two
  // bytes. Empty where they are not to be told, or are more than a message can hold.
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
