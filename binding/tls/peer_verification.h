// Whether a configuration asks its peers for certificates, and what becomes of those that do not
// verify.
#pragma once

#include <memory>

#include "tls/certificate_strength.h"
#include "tls/s2n_handles.h"
#include "tls/trust_store.h"

namespace s2npkey::tls {

// A client always verifies its server; a server verifies its clients when it asks for certificates.
struct PeerVerification {
  std::shared_ptr<const TrustStore> trust;  // null: no certificate is asked for
  // Whether a handshake fails when the peer's certificate does not verify, or a client has none.
  // False: what came of it is told with the other facts, and the connection goes on.
  bool reject_unauthorized = true;
  CertificateStrength strength = {};  // Config sets it by its security policy

  bool asks() const noexcept { return trust != nullptr; }
};

// Verification itself is ours (Connection::OnPeerCertificate): one for both values of
// reject_unauthorized, with OpenSSL's rules and names, which s2n-tls's own does not have. What
// s2n-tls's would do beside is done there too: the policy's demands on certificates
// (CertificateStrength), purpose and revocation (TrustStore), the name (CertificateIsFor). That a
// peer holds its certificate's key is checked by s2n-tls in any case. Throws Error
// ERR_S2N_PKEY_CONFIG.
void UsePeerVerification(s2n_config* config, const PeerVerification& verification, bool client);

}  // namespace s2npkey::tls
