// Connection as a client: its server's name, verdicts on the server's certificate, sessions.
#include <algorithm>
#include <utility>

#include "s2n/internals.h"
#include "tls/connection.h"
#include "tls/host_name.h"
#include "unstable/cert_authorities.h"
#include "unstable/crl.h"

namespace s2npkey::tls {

namespace {

constexpr size_t kSessionsKept = 4;

struct FreeChain {
  void operator()(STACK_OF(X509) * chain) const noexcept { sk_X509_pop_free(chain, X509_free); }
};

std::unique_ptr<STACK_OF(X509), FreeChain> FromDer(
    const std::vector<std::vector<uint8_t>>& certificates) {
  std::unique_ptr<STACK_OF(X509), FreeChain> chain(sk_X509_new_null());
  for (const std::vector<uint8_t>& der : certificates) {
    const uint8_t* bytes = der.data();
    X509* certificate = d2i_X509(nullptr, &bytes, static_cast<long>(der.size()));
    if (!certificate) return nullptr;
    if (!chain || !sk_X509_push(chain.get(), certificate)) {
      X509_free(certificate);
      return nullptr;
    }
  }
  return chain;
}

// Whether a server that names these authorities names one of the chain's. One that names none takes
// any.
bool Names(s2n_certificate_authority_list* authorities, const CertificateChain& chain) {
  s2n_certificate_authority_list_reread(authorities);
  bool any = true;
  while (s2n_certificate_authority_list_has_next(authorities)) {
    uint8_t* name = nullptr;
    uint16_t length = 0;
    if (s2n_certificate_authority_list_next(authorities, &name, &length) != S2N_SUCCESS) break;
    if (chain.IsIssuedBy(name, length)) return true;
    any = false;
  }
  return any;
}

// Whether the server takes a signature by such a key.
bool TakesKey(s2n_connection* connection, const CertificateKey& key) {
  const bool tls13 = s2n_connection_get_actual_protocol_version(connection) >= S2N_TLS13;
  size_t count = 0;
  const uint16_t* schemes = s2npkey_peer_signature_schemes(connection, &count);
  return std::any_of(schemes, schemes + count, [&](uint16_t scheme) {
    switch (scheme) {
      case 0x0401:  // rsa_pkcs1_sha256 and on
      case 0x0501:
      case 0x0601:
        return key.type == CertificateKey::Type::kRsa && !tls13;
      case 0x0804:  // rsa_pss_rsae_sha256 and on
      case 0x0805:
      case 0x0806:
        return key.type == CertificateKey::Type::kRsa;
      case 0x0403:  // ecdsa_secp256r1_sha256 and on: of a curve in TLS 1.3
        return key.type == CertificateKey::Type::kEcdsa && (!tls13 || key.group == 23);
      case 0x0503:
        return key.type == CertificateKey::Type::kEcdsa && (!tls13 || key.group == 24);
      case 0x0603:
        return key.type == CertificateKey::Type::kEcdsa && (!tls13 || key.group == 25);
      case 0x0904:  // mldsa44 and on: levels of TLS 1.3
      case 0x0905:
      case 0x0906:
        return tls13 && key.scheme == scheme;
      default:
        return false;
    }
  });
}

}  // namespace

std::unique_ptr<Connection> Connection::CreateClient(ClientOptions options, Transport* transport) {
  std::unique_ptr<Connection> result = Create(S2N_CLIENT, options.config, transport);
  if (!result) return nullptr;
  s2n_connection* connection = result->connection_.get();
  if (!options.server_name.empty() &&
      s2n_set_server_name(connection, options.server_name.c_str()) != S2N_SUCCESS) {
    return nullptr;
  }
  result->client_ = std::move(options);
  result->OfferSession();
  return result;
}

// What is not taken is not offered: a full handshake follows, and nothing is lost but time.
void Connection::OfferSession() {
  if (client_.session.empty() || client_.session_chain.empty()) return;
  const PeerVerification& rules = config_->verification();
  const auto chain = FromDer(client_.session_chain);
  if (!chain || sk_X509_num(chain.get()) == 0) return;
  PeerIdentity server;
  server.verification =
      rules.trust->Verify(chain.get(), TrustStore::Peer::kServer, rules.strength, &server.chain);
  if (!server.verification.ok() && rules.reject_unauthorized) return;
  if (s2n_connection_set_session(connection_.get(), client_.session.data(),
                                 client_.session.size()) == S2N_SUCCESS) {
    peer_ = std::move(server);
  }
}

// Of a certificate that verifies.
bool Connection::NeedsVerdict(X509* certificate) const {
  if (client_.asks) return true;
  return !client_.verified_name.empty() && !CertificateIsFor(certificate, client_.verified_name);
}

void Connection::AcceptPeer() {
  if (awaited_verdict_) s2n_cert_validation_accept(std::exchange(awaited_verdict_, nullptr));
}

int Connection::OnCertificateRequest(s2n_connection* connection, void*,
                                     s2n_certificate_request* request) {
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  if (!self) return S2N_FAILURE;
  const std::vector<Identity>& identities = self->config_->identities();
  size_t chosen = 0;
  int best = -1;
  for (size_t i = 0; i < identities.size(); i++) {
    // A scheme that the server does not take ends the handshake; an authority that it does not
    // name, it may trust all the same.
    const CertificateChain& chain = *identities[i].chain;
    const int merit = 2 * TakesKey(connection, chain.key()) +
                      Names(s2n_certificate_request_get_ca_list(request), chain);
    if (merit <= best) continue;
    best = merit;
    chosen = i;
  }
  s2npkey_replace_config(connection, self->config_->with_identity(chosen).get());
  return s2n_certificate_request_set_certificate(request, identities[chosen].chain->get());
}

int Connection::OnSessionTicket(s2n_connection* connection, void*, s2n_session_ticket* ticket) {
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  size_t length = 0;
  if (!self || s2n_session_ticket_get_data_len(ticket, &length) != S2N_SUCCESS) return S2N_FAILURE;
  memory::SecretBytes session(length);
  if (s2n_session_ticket_get_data(ticket, length, session.data()) != S2N_SUCCESS)
    return S2N_FAILURE;
  // A server may give any number of them, and one is enough: the newest few are kept.
  if (self->sessions_.size() == kSessionsKept) self->sessions_.erase(self->sessions_.begin());
  self->sessions_.push_back(std::move(session));
  return S2N_SUCCESS;
}

}  // namespace s2npkey::tls
