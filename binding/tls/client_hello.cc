// Connection at the client hello: which configuration is for this client.
#include <algorithm>
#include <utility>

#include "tls/alert_description.h"
#include "tls/connection.h"

namespace s2npkey::tls {

int Connection::OnClientHello(s2n_connection* connection, void*) {
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  if (!self || self->RefuseHello() || !self->UseContextFor(self->ServerName())) return S2N_FAILURE;
  if (self->contexts_->asks_application()) {
    self->awaits_context_ = true;
    return S2N_SUCCESS;  // and the handshake is blocked, until ChooseContext
  }
  return s2n_client_hello_cb_done(connection);
}

// s2n ends a name at its first NUL, so that "a.example\0.b.example" would be served as "a.example".
// OpenSSL refuses it, too. The extension: a list's length, the type, the name's length (RFC 6066
// section 3).
bool Connection::RefuseHello() {
  constexpr size_t kName = 2 + 1 + 2;
  const std::vector<uint8_t> wire = HelloExtension(S2N_EXTENSION_SERVER_NAME);
  if (wire.size() <= kName || std::find(wire.begin() + kName, wire.end(), 0) == wire.end())
    return false;
  failure_ = Failure::Of(FailureKind::kProtocol, "the client asked for a server name with a NUL");
  failure_.name = "SERVER_NAME";
  failure_.alert = alert::kUnrecognizedName;
  return true;
}

bool Connection::UseContextFor(const std::string& server_name) {
  context_ = contexts_->Find(server_name);
  const std::shared_ptr<const Config> config = Suitable(contexts_->config(context_));
  return (config == config_ || Use(config)) && LimitSession();
}

// In TLS 1.2 s2n takes the ECDSA identity wherever the client offers a suite for it. The curve of
// its key must be one of the client's groups, too (RFC 8422 section 5.1), and there must be a
// signature scheme (RFC 5246 section 7.4.1.4.1). In TLS 1.3 the schemes say all of it.
std::shared_ptr<const Config> Connection::Suitable(std::shared_ptr<const Config> config) const {
  if (!config->without_ecdsa()) return config;
  const auto has = [](const std::vector<uint16_t>& list, auto wanted) {
    return std::any_of(list.begin(), list.end(), wanted);
  };
  const auto is = [](uint16_t value) { return [value](uint16_t each) { return each == value; }; };
  const std::vector<uint16_t> versions = HelloList(S2N_EXTENSION_SUPPORTED_VERSIONS, 1);
  if (config->offers_tls13() && has(versions, is(0x0304))) return config;
  const std::vector<uint16_t> groups = HelloList(S2N_EXTENSION_SUPPORTED_GROUPS, 2);
  if (!groups.empty() && !has(groups, is(config->ecdsa_group()))) return config->without_ecdsa();
  const std::vector<uint16_t> schemes = HelloList(S2N_EXTENSION_SIGNATURE_ALGORITHMS, 2);
  const auto ecdsa = [](uint16_t scheme) { return (scheme & 0xff) == 3 && scheme >> 8 <= 6; };
  if (!schemes.empty() && !has(schemes, ecdsa)) return config->without_ecdsa();
  return config;
}

// An extension of the client hello that is a list of two-byte values behind its length in
// `length_bytes`; empty where the client sent none, or a malformed one.
std::vector<uint16_t> Connection::HelloList(s2n_tls_extension_type type,
                                            size_t length_bytes) const {
  const std::vector<uint8_t> wire = HelloExtension(type);
  std::vector<uint16_t> list;
  for (size_t at = length_bytes; at + 2 <= wire.size(); at += 2)
    list.push_back(static_cast<uint16_t>(wire[at] << 8 | wire[at + 1]));
  return list;
}

std::vector<uint8_t> Connection::HelloExtension(s2n_tls_extension_type type) const {
  s2n_client_hello* hello = s2n_connection_get_client_hello(connection_.get());
  const ssize_t size = hello ? s2n_client_hello_get_extension_length(hello, type) : 0;
  std::vector<uint8_t> wire(size > 0 ? static_cast<size_t>(size) : 0);
  if (size <= 0 || s2n_client_hello_get_extension_by_id(hello, type, wire.data(),
                                                        static_cast<uint32_t>(size)) != size) {
    return {};
  }
  return wire;
}

bool Connection::Use(std::shared_ptr<const Config> config) {
  // The one before is kept by contexts_, or by the application's answer, until s2n has let it go.
  const std::shared_ptr<const Config> before = std::exchange(config_, std::move(config));
  return s2n_connection_set_config(connection_.get(), config_->get()) == S2N_SUCCESS &&
         s2n_connection_server_name_extension_used(connection_.get()) == S2N_SUCCESS;
}

// By itself s2n limits the life of a TLS 1.3 session to a week, however often it is resumed.
bool Connection::LimitSession() {
  return config_->session_seconds() == 0 ||
         s2n_connection_set_server_keying_material_lifetime(
             connection_.get(), config_->session_seconds()) == S2N_SUCCESS;
}

bool Connection::ChooseContext(std::shared_ptr<const Config> config,
                               const std::optional<std::string>& protocol) {
  if (!awaits_context_) return false;
  awaits_context_ = false;
  bool done = true;
  if (config) {
    context_ = contexts_->size();
    done = Use(Suitable(std::move(config))) && LimitSession();
  }
  if (protocol) {
    const char* only = protocol->c_str();
    done =
        done && s2n_connection_set_protocol_preferences(connection_.get(), &only, 1) == S2N_SUCCESS;
  }
  if (done && s2n_client_hello_cb_done(connection_.get()) == S2N_SUCCESS) return true;
  failure_ = Failure::FromS2n();
  return false;
}

std::vector<std::string> Connection::OfferedProtocols() const {
  std::vector<std::string> protocols;
  const std::vector<uint8_t> wire = HelloExtension(S2N_EXTENSION_ALPN);
  // RFC 7301 section 3.1: the list's length in two bytes, then each name after its own in one.
  for (size_t at = 2; at < wire.size();) {
    const size_t length = wire[at++];
    if (length == 0 || at + length > wire.size()) break;
    protocols.emplace_back(reinterpret_cast<const char*>(wire.data()) + at, length);
    at += length;
  }
  return protocols;
}

bool Connection::AsksOcsp() const {
  s2n_client_hello* hello = s2n_connection_get_client_hello(connection_.get());
  return hello && s2n_client_hello_get_extension_length(hello, S2N_EXTENSION_OCSP_STAPLING) > 0;
}

int Connection::OnKeyLogLine(void*, s2n_connection* connection, uint8_t* line, size_t length) {
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  if (!self) return S2N_FAILURE;
  try {
    self->key_log_.append(reinterpret_cast<const char*>(line), length).append("\n");
  } catch (const std::bad_alloc&) {  // s2n's frames are C's
    self->out_of_memory_ = true;
    return S2N_FAILURE;
  }
  return S2N_SUCCESS;
}

}  // namespace s2npkey::tls
