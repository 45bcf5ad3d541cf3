// Whether a security policy and a certificate's key can ever agree, said before the first
// connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct s2n_config;

namespace s2npkey::tls {

// The key of a leaf certificate, as far as TLS cares.
struct CertificateKey {
  enum class Type : uint8_t { kRsa, kEcdsa };
  Type type = Type::kRsa;
  int bits = 0;        // RSA modulus, or field size of the curve
  uint16_t group = 0;  // IANA group of the curve (23, 24, 25); 0 for RSA
  std::string name;    // "P-256", "RSA-2048": for messages

  // Of the first certificate in the PEM text. Throws Error ERR_S2N_PKEY_CERTIFICATE_INVALID.
  static CertificateKey OfChain(const std::string& certificate_chain_pem);
};

// TLS versions, by s2n's numbers: 33 is TLS 1.2, 34 is TLS 1.3.
struct VersionRange {
  uint8_t lowest = 0;
  uint8_t highest = UINT8_MAX;
};

// The versions that the policy negotiates within `range`. Throws Error ERR_S2N_PKEY_SECURITY_POLICY
// when there is none, or no policy of this name.
VersionRange NegotiableVersions(const std::string& policy, const VersionRange& range);

// Throws Error ERR_S2N_PKEY_SECURITY_POLICY with the reason and what to choose instead: an unknown
// name, a policy that could ask for what no KMS signs (SHA-1, SHA-224, RSA key exchange, TLS 1.0
// and 1.1), or one with no scheme for the key under these versions.
void CheckSecurityPolicy(const std::string& policy, const VersionRange& versions,
                         const CertificateKey& key);

// How a configuration uses a policy under `versions`: s2n's own policy, or a copy of it that
// negotiates no other versions.
class NarrowedPolicy {
 public:
  NarrowedPolicy(std::string policy, const VersionRange& versions);
  // Throws Error ERR_S2N_PKEY_SECURITY_POLICY, saying `what` failed. `config` keeps a reference to
  // this object's memory.
  void Use(s2n_config* config, const std::string& what) const;

 private:
  std::string policy_;
  std::vector<std::max_align_t> memory_;  // empty: s2n's own policy does
};

}  // namespace s2npkey::tls
