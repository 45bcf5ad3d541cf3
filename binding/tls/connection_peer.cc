// Connection and its peer's certificate.
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>
#include <utility>

#include "s2n/internals.h"
#include "tls/alert_description.h"
#include "tls/connection.h"
#include "unstable/crl.h"

namespace s2npkey::tls {

// To return failure ends the handshake at once (S2N_ERR_CANCELLED). To reject the certificate
// through `info` would keep the peer waiting for s2n's blinding delay, which is for failures that
// must not tell when or why they happened: a certificate is no secret.
int Connection::OnPeerCertificate(s2n_connection* connection, s2n_cert_validation_info* info,
                                  void*) {
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  if (!self || !self->AcceptsPeer()) return S2N_FAILURE;
  if (self->peer_.verification.ok() &&
      self->NeedsVerdict(sk_X509_value(s2npkey_peer_chain(connection), 0))) {
    self->awaited_verdict_ = info;  // s2n_negotiate says that it is blocked
    return S2N_SUCCESS;
  }
  return s2n_cert_validation_accept(info);
}

// s2n-tls would end the handshake with an error of decoding.
bool Connection::KnowsPeerKey(X509* certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  const char* kind = "a key of a kind that is not known";
  switch (key ? EVP_PKEY_id(key) : EVP_PKEY_NONE) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
    case EVP_PKEY_EC:
    case EVP_PKEY_PQDSA:
      return true;
    case EVP_PKEY_ED25519:
      kind = "an Ed25519 key";
      break;
    case EVP_PKEY_DSA:
      kind = "a DSA key";
      break;
    default:
      break;
  }
  failure_ = Failure::Of(FailureKind::kCertificate, "");
  failure_.message = std::string("the peer's certificate has ") + kind +
                     ", and s2n-tls verifies handshakes by RSA, ECDSA and ML-DSA keys alone; have "
                     "the peer use a certificate for one of those";
  failure_.name = "ERR_S2N_PKEY_PEER_KEY";
  failure_.alert = alert::kUnsupportedCertificate;
  return false;
}

bool Connection::AcceptsPeer() {
  const PeerVerification& rules = config_->verification();
  STACK_OF(X509)* chain = s2npkey_peer_chain(connection_.get());
  if (!rules.trust || !chain) return false;
  const bool server = s2n_connection_get_mode(connection_.get()) == S2N_SERVER;
  peer_.verification =
      rules.trust->Verify(chain, server ? TrustStore::Peer::kClient : TrustStore::Peer::kServer,
                          rules.strength, &peer_.chain);
  if (peer_.verification.ok() || !rules.reject_unauthorized)
    return KnowsPeerKey(sk_X509_value(chain, 0));
  failure_ = Failure::Of(FailureKind::kCertificate, peer_.verification.message());
  failure_.name = peer_.verification.code();
  failure_.alert = peer_.verification.alert();
  return false;
}

// As OpenSSL says it. TLS 1.2 has no alert of its own for it (RFC 5246 section 7.4.6).
void Connection::NameMissingCertificate() {
  const bool tls13 = s2n_connection_get_actual_protocol_version(connection_.get()) >= S2N_TLS13;
  failure_ =
      Failure::Of(FailureKind::kCertificate,
                  "peer did not return a certificate (a client whose only certificate has an "
                  "Ed25519 key has none that s2n-tls asks for)");
  failure_.name = "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE";
  failure_.alert = tls13 ? alert::kCertificateRequired : alert::kHandshakeFailure;
}

PeerIdentity Connection::TakePeer() {
  uint32_t length = 0;
  const uint8_t* response = s2n_connection_get_ocsp_response(connection_.get(), &length);
  if (response && !server_) peer_.ocsp_response.assign(response, response + length);
  const bool none = server_ && config_->verification().asks() && peer_.chain.empty();
  if (none && peer_.verification.error == Verification::kNotAsked)
    peer_.verification.error = X509_V_ERR_UNSPECIFIED;  // as node:tls names it
  return std::move(peer_);
}

}  // namespace s2npkey::tls
