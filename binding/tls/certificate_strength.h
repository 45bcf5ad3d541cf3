// How strong the keys and signatures of a peer's certificates must be: a floor that holds always,
// and what the security policy demands beyond it.
#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>
#include <vector>

namespace s2npkey::tls {

// The floor: digests of SHA-256 or more, RSA keys of 2048 bits or more, curves of P-256 or more.
// Immutable; any thread.
class CertificateStrength {
 public:
  // The floor alone.
  CertificateStrength() = default;
  // With what s2n-tls would demand of certificates under this policy, which its own verification
  // holds peers to. A name that s2n-tls does not have demands nothing.
  static CertificateStrength OfPolicy(const std::string& policy);

  // A path is the peer's own certificate first, its anchor last. Both return X509_V_OK or a
  // Verification's error.
  int CheckLeafKey(X509* leaf) const;
  // The keys of all but the leaf, the signatures of all but the anchor. The last failure, as
  // OpenSSL names it.
  int CheckPath(const STACK_OF(X509) * path) const;

 private:
  bool AllowsKey(X509* certificate) const;
  bool AllowsSignature(X509* certificate) const;

  struct Key {
    int kind;  // libcrypto's number of the curve, or of the kind of key
    int bits;
  };
  std::optional<std::vector<Key>> keys_;        // nothing: any
  std::optional<std::vector<int>> signatures_;  // libcrypto's numbers, such as of ecdsa_with_SHA384
};

}  // namespace s2npkey::tls
