// Connection at the client hello: which configuration is for this client.
#include <utility>

#include "tls/connection.h"

namespace keyless::tls {

int Connection::OnClientHello(s2n_connection* connection, void*) {
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  if (!self || !self->UseContextFor(self->ServerName())) return S2N_FAILURE;
  if (self->contexts_->asks_application()) {
    self->awaits_context_ = true;
    return S2N_SUCCESS;  // and the handshake is blocked, until ChooseContext
  }
  return s2n_client_hello_cb_done(connection);
}

bool Connection::UseContextFor(const std::string& server_name) {
  context_ = contexts_->Find(server_name);
  return (context_ == 0 || Use(contexts_->config(context_))) && LimitSession();
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
    done = Use(std::move(config)) && LimitSession();
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
  s2n_client_hello* hello = s2n_connection_get_client_hello(connection_.get());
  const ssize_t size = hello ? s2n_client_hello_get_extension_length(hello, S2N_EXTENSION_ALPN) : 0;
  if (size <= 2) return protocols;
  std::vector<uint8_t> wire(static_cast<size_t>(size));
  if (s2n_client_hello_get_extension_by_id(hello, S2N_EXTENSION_ALPN, wire.data(),
                                           static_cast<uint32_t>(size)) != size) {
    return protocols;
  }
  // RFC 7301 section 3.1: the list's length in two bytes, then each name after its own in one.
  for (size_t at = 2; at < wire.size();) {
    const size_t length = wire[at++];
    if (length == 0 || at + length > wire.size()) break;
    protocols.emplace_back(reinterpret_cast<const char*>(wire.data()) + at, length);
    at += length;
  }
  return protocols;
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

}  // namespace keyless::tls
