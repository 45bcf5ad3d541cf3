// Connection and its peer's certificate.
#include <openssl/x509.h>

#include <utility>

#include "tls/alert_description.h"
#include "tls/connection.h"
#include "tls/peer_chain.h"
#include "unstable/crl.h"

namespace keyless::tls {

// To return failure ends the handshake at once (S2N_ERR_CANCELLED). To reject the certificate
// through `info` would keep the peer waiting for s2n's blinding delay, which is for failures that
// must not tell when or why they happened: a certificate is no secret.
int Connection::OnPeerCertificate(s2n_connection* connection, s2n_cert_validation_info* info,
                                  void*) {
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  if (!self || !self->AcceptsPeer()) return S2N_FAILURE;
  if (self->peer_.verification.ok() &&
      self->NeedsVerdict(sk_X509_value(s2n_pkey_peer_chain(connection), 0))) {
    self->awaited_verdict_ = info;  // s2n_negotiate says that it is blocked
    return S2N_SUCCESS;
  }
  return s2n_cert_validation_accept(info);
}

bool Connection::AcceptsPeer() {
  const PeerVerification& rules = config_->verification();
  STACK_OF(X509)* chain = s2n_pkey_peer_chain(connection_.get());
  if (!rules.trust || !chain) return false;
  const bool server = s2n_connection_get_mode(connection_.get()) == S2N_SERVER;
  peer_.verification =
      rules.trust->Verify(chain, server ? TrustStore::Peer::kClient : TrustStore::Peer::kServer,
                          rules.strength, &peer_.chain);
  if (peer_.verification.ok() || !rules.reject_unauthorized) return true;
  failure_ = Failure::Of(FailureKind::kCertificate, peer_.verification.message());
  failure_.name = peer_.verification.code();
  failure_.alert = peer_.verification.alert();
  return false;
}

// As OpenSSL says it. TLS 1.2 has no alert of its own for it (RFC 5246 section 7.4.6).
void Connection::NameMissingCertificate() {
  const bool tls13 = s2n_connection_get_actual_protocol_version(connection_.get()) >= S2N_TLS13;
  failure_ = Failure::Of(FailureKind::kCertificate, "peer did not return a certificate");
  failure_.name = "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE";
  failure_.alert = tls13 ? alert::kCertificateRequired : alert::kHandshakeFailure;
}

PeerIdentity Connection::TakePeer() {
  uint32_t length = 0;
  const uint8_t* response = s2n_connection_get_ocsp_response(connection_.get(), &length);
  if (response && !contexts_) peer_.ocsp_response.assign(response, response + length);
  const bool none = contexts_ && config_->verification().asks() && peer_.chain.empty();
  if (none && peer_.verification.error == Verification::kNotAsked)
    peer_.verification.error = X509_V_ERR_UNSPECIFIED;  // as node:tls names it
  return std::move(peer_);
}

}  // namespace keyless::tls
