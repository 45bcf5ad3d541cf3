// Whether a security policy and a certificate's key can ever agree, said before the first
// connection.
#pragma once

#include <cstdint>
#include <string>

namespace keyless::tls {

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

// Throws Error ERR_S2N_PKEY_SECURITY_POLICY with the reason and what to choose instead: an unknown
// name, a policy that could ask for what no KMS signs (SHA-1, SHA-224, RSA key exchange, TLS 1.0
// and 1.1), or one with no scheme for the key.
void CheckSecurityPolicy(const std::string& policy, const CertificateKey& key);

// Whether this policy, which exists, has TLS 1.3.
bool OffersTls13(const std::string& policy);

}  // namespace keyless::tls
