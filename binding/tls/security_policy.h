// Checks before the first connection whether a security policy and a certificate's key can ever
// agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct s2n_config;

namespace s2npkey::tls {

// What TLS needs to know about the key of a leaf certificate.
struct CertificateKey {
  enum class Type : uint8_t { kRsa, kEcdsa, kMlDsa };
  Type type = Type::kRsa;
  int bits = 0;         // RSA modulus, or field size of the curve
  uint16_t group = 0;   // IANA group of the curve (23, 24, 25); 0 for other keys
  uint16_t scheme = 0;  // IANA code of the only scheme of an ML-DSA key; 0 for other keys
  std::string name;     // "P-256", "RSA-2048", "ML-DSA-65": for messages

  // Reads the first certificate of the PEM text. Throws Error ERR_S2N_PKEY_CERTIFICATE_INVALID.
  static CertificateKey OfChain(const std::string& certificate_chain_pem);
};

// TLS versions, by s2n's numbers: 33 is TLS 1.2, 34 is TLS 1.3.
struct VersionRange {
  uint8_t lowest = 0;
  uint8_t highest = UINT8_MAX;
};

// Returns the versions that the policy negotiates within `range`. Throws Error
// ERR_S2N_PKEY_SECURITY_POLICY if there is none, or the policy is unknown.
VersionRange NegotiableVersions(const std::string& policy, const VersionRange& range);

// Throws Error ERR_S2N_PKEY_SECURITY_POLICY, with the reason and a policy to use instead, if the
// policy is unknown, can require what no KMS signs (SHA-1, SHA-224, RSA key exchange, TLS 1.0 and
// 1.1), or has no signature scheme for the key under these versions.
void CheckSecurityPolicy(const std::string& policy, const VersionRange& versions,
                         const CertificateKey& key);

// A policy limited to `versions`: s2n's own policy if that is enough, or a copy that negotiates no
// other versions.
class NarrowedPolicy {
 public:
  NarrowedPolicy(std::string policy, const VersionRange& versions);
  // Throws Error ERR_S2N_PKEY_SECURITY_POLICY, whose message begins with `what`. `config` keeps a
  // reference to the memory of this object.
  void Use(s2n_config* config, const std::string& what) const;

 private:
  std::string policy_;
  std::vector<std::max_align_t> memory_;  // empty if s2n's own policy is used
};

}  // namespace s2npkey::tls
