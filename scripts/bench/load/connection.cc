#include "connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace s2npkey::bench {

namespace {

[[noreturn]] void Fail(const char* what, int error) {
  throw LoadError(std::string(what) + ": " + std::strerror(error));
}

// Closed first by the client, its ports linger in TIME_WAIT. Taking source addresses in turn out of
// 127.0.0.0/8 gives each a port range of its own.
in_addr NextSourceAddress() {
  static uint32_t next = 0;
  in_addr address{};
  address.s_addr = htonl(0x7F000002U + next++ % 250);
  return address;
}

const char* ProtocolName(int version) {
  switch (version) {
    case S2N_TLS13:
      return "TLS 1.3";
    case S2N_TLS12:
      return "TLS 1.2";
    default:
      return "older than TLS 1.2";
  }
}

}  // namespace

Connection::Connection(uint16_t port, s2n_config* config) : port_(port), config_(config) {
  if (config_ == nullptr) return;
  tls_.reset(s2n_connection_new(S2N_CLIENT));
  if (!tls_) FailS2n("s2n_connection_new");
}

void Connection::Open() {
  tcp_ = engine::Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!tcp_) Fail("socket", errno);
  connected_ = false;
  end_sent_ = false;
  const int on = 1;
  setsockopt(tcp_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(tcp_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr = NextSourceAddress();
  if (bind(tcp_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    Fail("bind", errno);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  if (connect(tcp_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    Fail("connect", errno);
  }
  if (!tls_) return;
  if (s2n_connection_wipe(tls_.get()) || s2n_connection_set_config(tls_.get(), config_) ||
      s2n_connection_set_blinding(tls_.get(), S2N_SELF_SERVICE_BLINDING) ||
      s2n_connection_set_recv_buffering(tls_.get(), true) ||
      s2n_set_server_name(tls_.get(), "localhost") ||
      s2n_connection_set_fd(tls_.get(), tcp_.get())) {
    FailS2n("preparing a connection");
  }
  if (session_ && s2n_connection_set_session(tls_.get(), session_->data(), session_->size()))
    FailS2n("s2n_connection_set_session");
}

Progress Connection::Establish() {
  if (!connected_) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(tcp_.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
      if (errno != ENOTCONN) Fail("getpeername", errno);
      int error = 0;
      socklen_t error_size = sizeof error;
      getsockopt(tcp_.get(), SOL_SOCKET, SO_ERROR, &error, &error_size);
      if (error != 0) Fail("connect", error);
      return Progress::kBlocked;
    }
    connected_ = true;
  }
  if (!tls_) return Progress::kDone;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  if (s2n_negotiate(tls_.get(), &blocked) == S2N_SUCCESS) return Progress::kDone;
  return BlockedOr("handshake", blocked);
}

size_t Connection::Send(std::string_view text) {
  ssize_t sent = 0;
  if (tls_) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    sent = s2n_send(tls_.get(), text.data(), static_cast<ssize_t>(text.size()), &blocked);
    if (sent < 0 && BlockedOr("sending a request", blocked) == Progress::kBlocked) return 0;
  } else {
    sent = send(tcp_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (sent < 0) Fail("sending a request", errno);
  }
  return static_cast<size_t>(sent);
}

std::vector<uint8_t> Connection::Session() const {
  std::vector<uint8_t> session(
      static_cast<size_t>(std::max(0, s2n_connection_get_session_length(tls_.get()))));
  if (!session.empty()) {
    const int taken = s2n_connection_get_session(tls_.get(), session.data(), session.size());
    session.resize(static_cast<size_t>(std::max(0, taken)));
  }
  return session;
}

bool Connection::resumed() const { return s2n_connection_is_session_resumed(tls_.get()) == 1; }

size_t Connection::Receive(char* buffer, size_t size) {
  if (tls_) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    const ssize_t taken = s2n_recv(tls_.get(), buffer, static_cast<ssize_t>(size), &blocked);
    if (taken > 0) return static_cast<size_t>(taken);
    if (taken < 0 && BlockedOr("reading a response", blocked) == Progress::kBlocked) return 0;
  } else {
    const ssize_t taken = recv(tcp_.get(), buffer, size, 0);
    if (taken > 0) return static_cast<size_t>(taken);
    if (taken < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (taken < 0) Fail("reading a response", errno);
  }
  throw LoadError("the server ended the connection in the middle of a response");
}

Progress Connection::CloseInOrder() {
  if (tls_) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    if (s2n_shutdown(tls_.get(), &blocked) != S2N_SUCCESS) return BlockedOr("closing", blocked);
  } else {
    if (!end_sent_ && shutdown(tcp_.get(), SHUT_WR) != 0) Fail("shutdown", errno);
    end_sent_ = true;
    char rest[256];
    const ssize_t taken = recv(tcp_.get(), rest, sizeof rest, 0);
    if (taken < 0 && errno == EAGAIN) return Progress::kBlocked;
    if (taken < 0) Fail("closing", errno);
    if (taken > 0) throw LoadError("the server sent data where its end was expected");
  }
  tcp_.Close();
  return Progress::kDone;
}

std::string Connection::Agreement() const {
  if (!tls_) return "plain";
  const char* cipher = s2n_connection_get_cipher(tls_.get());
  const char* group = nullptr;
  if (s2n_connection_get_key_exchange_group(tls_.get(), &group) != S2N_SUCCESS)
    group = "unknown group";
  return std::string(ProtocolName(s2n_connection_get_actual_protocol_version(tls_.get()))) + " " +
         (cipher ? cipher : "unknown cipher") + " " + (resumed() ? "resumed" : group);
}

Progress Connection::BlockedOr(const char* what, int blocked) const {
  if (s2n_error_get_type(s2n_errno) == S2N_ERR_T_BLOCKED && blocked != S2N_NOT_BLOCKED) {
    return Progress::kBlocked;
  }
  FailS2n(what);
}

void Connection::FailS2n(const char* what) const {
  throw LoadError(std::string(what) + ": " + s2n_strerror_name(s2n_errno) + ", " +
                  s2n_strerror(s2n_errno, "EN") + " (" + s2n_strerror_debug(s2n_errno, "EN") + ")");
}

}  // namespace s2npkey::bench
