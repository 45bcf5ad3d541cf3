// Whether a configuration requests certificates from peers, and whether it refuses those that do
// not verify.
#pragma once

#include <memory>

#include "tls/certificate_strength.h"
#include "tls/s2n_handles.h"
#include "tls/trust_store.h"

namespace s2npkey::tls {

// A client always verifies its server. A server verifies clients if it requests certificates.
struct PeerVerification {
  std::shared_ptr<const TrustStore> trust;  // null: requests no certificate
  // Whether the handshake fails if the peer's certificate does not verify, or a client has none. If
  // false, the connection opens, and PeerIdentity has the result.
  bool reject_unauthorized = true;
  CertificateStrength strength = {};  // Config sets it from its security policy

  bool asks() const noexcept { return trust != nullptr; }
};

// Turns off the verification of s2n-tls and installs that of this package
// (Connection::OnPeerCertificate), which has the rules and names of OpenSSL, for both values of
// reject_unauthorized. It also checks what s2n-tls would check: the policy's requirements
// (CertificateStrength), purpose and revocation (TrustStore), and the name (CertificateIsFor).
// s2n-tls itself still checks that the peer holds the key of its certificate. Throws Error
// ERR_S2N_PKEY_CONFIG.
void UsePeerVerification(s2n_config* config, const PeerVerification& verification, bool client);

}  // namespace s2npkey::tls
