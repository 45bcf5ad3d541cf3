#include "test_peer.h"

#include <netinet/in.h>
#include <openssl/mem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "protected_record.h"
#include "s2n/internals.h"
#include "tls/library.h"
#include "tls/private_key_operation.h"

namespace s2npkey::test {

using engine::Descriptor;

std::pair<Descriptor, Descriptor> ConnectedTcp() {
  const Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.get(), generic, size) || listen(listener.get(), 1) ||
      getsockname(listener.get(), generic, &size)) {
    std::abort();
  }
  Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(client.get(), generic, size)) std::abort();
  Descriptor accepted(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted) std::abort();
  return {std::move(accepted), std::move(client)};
}

void CollectingSink::Push(engine::Event&& event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  events_.push_back(std::move(event));
  arrived_.notify_all();
}

std::optional<engine::Event> CollectingSink::Next(int seconds) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!arrived_.wait_for(lock, std::chrono::seconds(seconds), [this] { return !events_.empty(); }))
    return {};
  engine::Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Client::Client(Descriptor tcp, const char* security_policy, const char* server_name, s2n_mode mode)
    : tcp_(std::move(tcp)),
      config_((tls::InitializeLibrary(), s2n_config_new_minimal())),
      connection_(s2n_connection_new(mode)) {
  if (s2n_config_disable_x509_verification(config_.get()) ||
      s2n_config_set_cipher_preferences(config_.get(), security_policy) ||
      s2n_connection_set_config(connection_.get(), config_.get()) ||
      s2n_connection_set_blinding(connection_.get(), S2N_SELF_SERVICE_BLINDING) ||
      (server_name && s2n_set_server_name(connection_.get(), server_name)) ||
      s2n_connection_set_fd(connection_.get(), tcp_.get())) {
    std::abort();
  }
}

int Client::Sign(s2n_connection* connection, s2n_async_pkey_op* operation) {
  const auto* self = static_cast<const Client*>(s2n_connection_get_ctx(connection));
  tls::PrivateKeyOperation asked(tls::PrivateKeyOperationHandle(operation), connection);
  std::vector<uint8_t> signature;
  const bool done =
      self->key_->Sign(asked.scheme(), asked.input().data(), asked.input().size(), &signature) &&
      asked.Complete(signature.data(), signature.size());
  return done ? S2N_SUCCESS : S2N_FAILURE;
}

void Client::Present(const std::string& certificate_pem, std::shared_ptr<const tls::LocalKey> key) {
  key_ = std::move(key);
  chain_.reset(s2n_cert_chain_and_key_new());
  std::string pem = certificate_pem;
  if (s2n_config_set_async_pkey_callback(config_.get(), Client::Sign) ||
      s2n_cert_chain_and_key_load_public_pem_bytes(chain_.get(),
                                                   reinterpret_cast<uint8_t*>(pem.data()),
                                                   static_cast<uint32_t>(pem.size())) ||
      s2n_config_add_cert_chain_and_key_to_store(config_.get(), chain_.get()) ||
      s2n_connection_set_config(connection_.get(), config_.get()) ||
      s2n_connection_set_ctx(connection_.get(), this)) {
    std::abort();
  }
}

void Client::UseSessions(const std::vector<uint8_t>& offered) {
  if (s2n_config_set_session_tickets_onoff(config_.get(), 1) ||
      (!offered.empty() &&
       s2n_connection_set_session(connection_.get(), offered.data(), offered.size()))) {
    std::abort();
  }
}

std::vector<uint8_t> Client::Session() {
  std::vector<uint8_t> session(
      static_cast<size_t>(s2n_connection_get_session_length(connection_.get())));
  if (!session.empty() &&
      s2n_connection_get_session(connection_.get(), session.data(), session.size()) < 0)
    std::abort();
  return session;
}

bool Client::Resumed() const { return s2n_connection_is_session_resumed(connection_.get()) == 1; }

bool Client::Handshake() {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  return s2n_negotiate(connection_.get(), &blocked) == S2N_SUCCESS;
}

bool Client::Send(const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    const ssize_t taken = s2n_send(connection_.get(), text.data() + sent,
                                   static_cast<ssize_t>(text.size() - sent), &blocked);
    if (taken < 0) return false;
    sent += static_cast<size_t>(taken);
  }
  return true;
}

std::string Client::Records(const std::string& text) {
  std::string records;
  const auto keep = [](void* to, const uint8_t* data, uint32_t length) {
    static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), length);
    return static_cast<int>(length);
  };
  if (s2n_connection_set_send_cb(connection_.get(), keep) ||
      s2n_connection_set_send_ctx(connection_.get(), &records) || !Send(text) ||
      s2n_connection_set_write_fd(connection_.get(), tcp_.get())) {
    std::abort();
  }
  return records;
}

std::string Client::Receive() {
  std::vector<char> buffer(65536);
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  s2npkey_begin_receiving();  // session tickets, which are dropped unread otherwise
  const ssize_t received =
      s2n_recv(connection_.get(), buffer.data(), static_cast<ssize_t>(buffer.size()), &blocked);
  std::string text = received > 0 ? std::string(buffer.data(), static_cast<size_t>(received)) : "";
  OPENSSL_cleanse(buffer.data(), text.size());  // what is received may be looked for in memory
  return text;
}

int Client::Alert() {
  while (!Receive().empty()) continue;
  return s2n_error_get_type(s2n_errno) == S2N_ERR_T_ALERT
             ? s2n_connection_get_alert(connection_.get())
             : -1;
}

std::string Client::Ending() {
  uint8_t byte = 0;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  if (s2n_recv(connection_.get(), &byte, 1, &blocked) == 0) return "close_notify";
  const int error = s2n_errno;  // of an alert only once
  if (const int alert = s2n_connection_get_alert(connection_.get()); alert >= 0)
    return "alert " + std::to_string(alert);
  return s2n_error_get_type(error) == S2N_ERR_T_CLOSED ? "FIN" : s2n_strerror_name(error);
}

bool Client::CloseNotify() {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  return s2n_shutdown_send(connection_.get(), &blocked) == S2N_SUCCESS;
}

bool Client::UpdateKeys() {
  return s2n_connection_request_key_update(connection_.get(), S2N_KEY_UPDATE_NOT_REQUESTED) ==
         S2N_SUCCESS;
}

bool Client::SendKeyUpdate() { return s2npkey_send_key_update(connection_.get()) == S2N_SUCCESS; }

bool Client::SendRecord(uint8_t type, const std::string& content) {
  return s2npkey_send_record(connection_.get(), type,
                             reinterpret_cast<const uint8_t*>(content.data()),
                             static_cast<uint32_t>(content.size())) == S2N_SUCCESS;
}

const char* Client::Cipher() const { return s2n_connection_get_cipher(connection_.get()); }

int Client::Protocol() const {
  return s2n_connection_get_actual_protocol_version(connection_.get());
}

void Client::Close() { tcp_.Close(); }

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 12345;
  for (char& byte : text) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return text;
}

std::string ReadSome(int fd) {
  std::vector<char> buffer(65536);
  for (;;) {
    const ssize_t taken = read(fd, buffer.data(), buffer.size());
    if (taken >= 0) return std::string(buffer.data(), static_cast<size_t>(taken));
    if (errno != EAGAIN && errno != EINTR) return "";
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, 20000) == 0) return "";
  }
}

std::string ReadAll(int fd) {
  std::string all;
  for (std::string part = ReadSome(fd); !part.empty(); part = ReadSome(fd)) all += part;
  return all;
}

bool WriteAll(int fd, const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t taken = send(fd, text.data() + written, text.size() - written, MSG_NOSIGNAL);
    if (taken > 0) {
      written += static_cast<size_t>(taken);
    } else if (errno == EAGAIN) {
      pollfd waiting{fd, POLLOUT, 0};
      if (poll(&waiting, 1, 20000) == 0) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace s2npkey::test
