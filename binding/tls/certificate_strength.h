// The minimum strength of keys and signatures in a peer's chain: a floor that always applies, and
// the additional requirements of the security policy.
#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>
#include <vector>

namespace s2npkey::tls {

// The floor: digests of SHA-256 or more, RSA keys of 2048 bits or more, curves of P-256 or more.
// Immutable. Used by any thread.
class CertificateStrength {
 public:
  // The floor alone.
  CertificateStrength() = default;
  // The floor and the requirements that the verification of s2n-tls has for certificates under this
  // policy. An unknown policy adds none.
  static CertificateStrength OfPolicy(const std::string& policy);

  // A path has the peer's own certificate first and the trusted one last. Both methods return
  // X509_V_OK or an error of Verification.
  int CheckLeafKey(X509* leaf) const;
  // Checks the keys of all certificates but the leaf, and the signatures of all but the last. Like
  // OpenSSL, it returns the last failure.
  int CheckPath(const STACK_OF(X509) * path) const;

 private:
  bool AllowsKey(X509* certificate) const;
  bool AllowsSignature(X509* certificate) const;

  struct Key {
    int kind;  // libcrypto's NID of the curve or the type of key
    int bits;
  };
  std::optional<std::vector<Key>> keys_;        // absent: any key
  std::optional<std::vector<int>> signatures_;  // NIDs such as of ecdsa_with_SHA384
};

}  // namespace s2npkey::tls
