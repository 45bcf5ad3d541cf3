#include "tls/config.h"

#include <algorithm>

#include "tls/connection.h"
#include "tls/error.h"
#include "tls/library.h"
#include "unstable/cert_authorities.h"

namespace s2npkey::tls {

namespace {

constexpr char kFailed[] = "ERR_S2N_PKEY_CONFIG";

// A remote signer's answer is checked against the certificate before anything is sent. A local
// key's needs no such check, which would cost more than the signature: that they belong together
// was checked when they were given.
s2n_async_pkey_validation_mode ValidationFor(const std::vector<Identity>& identities) {
  for (const Identity& identity : identities) {
    if (!identity.local_key) return S2N_ASYNC_PKEY_VALIDATION_STRICT;
  }
  return S2N_ASYNC_PKEY_VALIDATION_FAST;
}

}  // namespace

std::shared_ptr<const Config> Config::Create(const ConfigOptions& options) {
  InitializeLibrary();
  return std::shared_ptr<const Config>(
      new Config(options, Shown::kAll));  // owned at once; the constructor is private
}

Config::Config(const ConfigOptions& options, Shown shown)
    : identities_(options.identities),
      uses_alpn_(!options.alpn_protocols.empty()),
      verification_(options.verification),
      versions_(NegotiableVersions(options.security_policy, options.versions)),
      policy_(options.security_policy, versions_),
      config_(s2n_config_new_minimal()) {
  s2n_config* config = config_.get();
  verification_.strength = CertificateStrength::OfPolicy(options.security_policy);
  if (!config) throw Error(kFailed, "no memory for a TLS configuration");
  // The callback comes before the certificates and before any connection sees the configuration:
  // without it s2n refuses a chain that has no private key.
  CheckS2n(s2n_config_set_async_pkey_callback(
               config, Connection::Safely<Connection::OnPrivateKeyOperation>::Call),
           kFailed, "private-key callback");
  CheckS2n(s2n_config_set_async_pkey_validation_mode(config, ValidationFor(identities_)), kFailed,
           "signature validation");
  // The callback's mode is read from the configuration that it chose: every one is set alike.
  CheckS2n(s2n_config_set_client_hello_cb(
               config, Connection::Safely<Connection::OnClientHello>::Call, nullptr),
           kFailed, "client hello callback");
  CheckS2n(s2n_config_set_client_hello_cb_mode(config, S2N_CLIENT_HELLO_CB_NONBLOCKING), kFailed,
           "client hello callback");
  AddIdentities(options.security_policy, shown);
  UsePeerVerification(config, verification_, options.client);
  if (!options.client) {
    // RFC 6066 section 4: a client with little memory asks for short records.
    CheckS2n(s2n_config_accept_max_fragment_length(config), kFailed, "max_fragment_length");
  }
  if (options.client) {
    CheckS2n(s2n_config_set_session_tickets_onoff(config, 1), kFailed, "session tickets");
    CheckS2n(s2n_config_set_session_ticket_cb(
                 config, Connection::Safely<Connection::OnSessionTicket>::Call, nullptr),
             kFailed, "session tickets");
    if (identities_.size() > 1) {
      // s2n takes one from a client's configuration. The callback may choose another.
      s2n_cert_chain_and_key* first = identities_.front().chain->get();
      CheckS2n(s2n_config_set_cert_chain_and_key_defaults(config, &first, 1), kFailed,
               "certificates");
      for (const Identity& identity : identities_) {
        ConfigOptions alone = options;
        alone.identities = {identity};
        alternatives_.push_back(Create(alone));
      }
      CheckS2n(s2n_config_set_cert_request_callback(
                   config, Connection::Safely<Connection::OnCertificateRequest>::Call, nullptr),
               kFailed, "certificate request callback");
    }
    if (options.request_ocsp)
      CheckS2n(s2n_config_set_status_request_type(config, S2N_STATUS_REQUEST_OCSP), kFailed,
               "requestOCSP");
  }
  if (uses_alpn_) {
    std::vector<const char*> protocols;
    for (const std::string& protocol : options.alpn_protocols)
      protocols.push_back(protocol.c_str());
    CheckS2n(s2n_config_set_protocol_preferences(config, protocols.data(),
                                                 static_cast<int>(protocols.size())),
             kFailed, "ALPNProtocols");
  }
  if (options.logs_keys) {
    CheckS2n(s2n_config_set_key_log_cb(config, Connection::OnKeyLogLine, nullptr), kFailed,
             "key log");
  }
  if (!options.tickets.keys.empty()) {
    UseSessionTickets(config, options.tickets);
    session_seconds_ = options.tickets.session_seconds;
  }
  const bool others = std::any_of(identities_.begin(), identities_.end(), [](const Identity& each) {
    return each.chain->key().type != CertificateKey::Type::kEcdsa;
  });
  if (shown == Shown::kAll && !options.client && ecdsa_group_ != 0 && others)
    without_ecdsa_.reset(new Config(options, Shown::kAllButEcdsa));
}

void Config::AddIdentities(const std::string& security_policy, Shown shown) {
  for (const Identity& identity : identities_) {
    CheckSecurityPolicy(security_policy, versions_, identity.chain->key());
    if (identity.chain->key().type == CertificateKey::Type::kEcdsa)
      ecdsa_group_ = identity.chain->key().group;
  }
  offers_tls13_ = versions_.highest >= S2N_TLS13;
  const std::string what = "security policy '" + security_policy + "' and this certificate";
  policy_.Use(config_.get(), what);
  for (const Identity& identity : identities_) {
    if (shown == Shown::kAllButEcdsa &&
        identity.chain->key().type == CertificateKey::Type::kEcdsa) {
      continue;
    }
    CheckS2n(s2n_config_add_cert_chain_and_key_to_store(config_.get(), identity.chain->get()),
             "ERR_S2N_PKEY_SECURITY_POLICY", what);
  }
}

size_t Config::IndexOf(const s2n_cert_chain_and_key* chain) const noexcept {
  size_t index = 0;
  while (index < identities_.size() && identities_[index].chain->get() != chain) index++;
  return index;
}

}  // namespace s2npkey::tls
