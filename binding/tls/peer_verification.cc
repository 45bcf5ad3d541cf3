#include "tls/peer_verification.h"

#include "s2n/internals.h"
#include "tls/connection.h"
#include "tls/error.h"
#include "unstable/crl.h"

namespace s2npkey::tls {

void UsePeerVerification(s2n_config* config, const PeerVerification& verification, bool client) {
  s2n_cert_auth_type type = S2N_CERT_AUTH_NONE;
  if (client) {
    type = S2N_CERT_AUTH_OPTIONAL;  // a certificate, or that there is none, is sent when asked for
  } else if (verification.asks()) {
    type = verification.reject_unauthorized ? S2N_CERT_AUTH_REQUIRED : S2N_CERT_AUTH_OPTIONAL;
  }
  if (!client && verification.asks()) {
    const std::vector<uint8_t>& names = verification.trust->authority_names();
    if (!names.empty() && !s2npkey_set_certificate_authorities(
                              config, names.data(), static_cast<uint32_t>(names.size()))) {
      throw Error("ERR_S2N_PKEY_CONFIG", "no memory for the names of certificate authorities");
    }
  }
  const int failed = s2n_config_disable_x509_verification(config) |
                     s2n_config_set_cert_validation_cb(
                         config, Connection::Safely<Connection::OnPeerCertificate>::Call, nullptr) |
                     s2n_config_set_client_auth_type(config, type);
  if (failed) throw Error("ERR_S2N_PKEY_CONFIG", "peer verification could not be set up");
}

}  // namespace s2npkey::tls
