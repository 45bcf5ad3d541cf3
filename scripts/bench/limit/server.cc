#include "server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace s2npkey::bench {

namespace {

[[noreturn]] void Fail(const char* what) {
  throw LimitError(std::string(what) + ": " + std::strerror(errno));
}

[[noreturn]] void FailS2n(const char* what) {
  throw LimitError(std::string(what) + ": " + s2n_strerror_name(s2n_errno) + " (" +
                   s2n_strerror_debug(s2n_errno, "EN") + ")");
}

bool IsBlocked() { return s2n_error_get_type(s2n_errno) == S2N_ERR_T_BLOCKED; }

void Watch(int epoll, int descriptor, uint32_t events, void* data) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = data;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) Fail("epoll_ctl");
}

}  // namespace

LimitServer::LimitServer(const std::string& chain, const std::string& key)
    : chain_(s2n_cert_chain_and_key_new()),
      config_(s2n_config_new_minimal()),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!chain_ || !config_ ||
      s2n_cert_chain_and_key_load_pem(chain_.get(), chain.c_str(), key.c_str()) ||
      s2n_config_add_cert_chain_and_key_to_store(config_.get(), chain_.get()) ||
      s2n_config_set_cipher_preferences(config_.get(), "default")) {
    FailS2n("configuring s2n-tls");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (!listener_ || !epoll_ ||
      bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_.get(), 511) != 0 ||
      getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    Fail("listening");
  }
  port_ = ntohs(address.sin_port);
  Watch(epoll_.get(), listener_.get(), EPOLLIN, nullptr);
  Watch(epoll_.get(), STDIN_FILENO, EPOLLIN, this);
}

void LimitServer::Run() {
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) Fail("epoll_wait");
    for (int i = 0; i < count; ++i) {
      void* data = events[static_cast<size_t>(i)].data.ptr;
      if (data == this) {
        std::array<char, 64> ignored;
        if (read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) return;
      } else if (data == nullptr) {
        AcceptAll();
      } else {
        Advance(*static_cast<Peer*>(data));
      }
    }
  }
}

void LimitServer::AcceptAll() {
  for (;;) {
    engine::Descriptor tcp(
        accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!tcp) {
      if (errno == EAGAIN) return;
      Fail("accept4");
    }
    const int on = 1;
    setsockopt(tcp.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (free_.empty()) {
      peers_.push_back(std::make_unique<Peer>());
      peers_.back()->tls.reset(s2n_connection_new(S2N_SERVER));
      if (!peers_.back()->tls) FailS2n("s2n_connection_new");
      free_.push_back(peers_.back().get());
    }
    Peer& peer = *free_.back();
    free_.pop_back();
    s2n_connection* connection = peer.tls.get();
    if (s2n_connection_set_config(connection, config_.get()) ||
        s2n_connection_set_blinding(connection, S2N_SELF_SERVICE_BLINDING) ||
        s2n_connection_set_recv_buffering(connection, true) ||
        s2n_connection_set_read_fd(connection, tcp.get()) ||
        s2n_connection_set_send_cb(connection, &LimitServer::Gather) ||
        s2n_connection_set_send_ctx(connection, &peer)) {
      FailS2n("preparing a connection");
    }
    peer.established = false;
    peer.tcp = std::move(tcp);
    Watch(epoll_.get(), peer.tcp.get(), EPOLLIN | EPOLLRDHUP | EPOLLET, &peer);
  }
}

void LimitServer::Advance(Peer& peer) {
  if (!peer.tcp) return;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  if (!peer.established) {
    const bool done = s2n_negotiate(peer.tls.get(), &blocked) == S2N_SUCCESS;
    if (!done && !IsBlocked()) FailS2n("handshake");
    Flush(peer);
    if (!done) return;
    peer.established = true;
  }
  std::array<char, 256> plaintext;
  const ssize_t received = s2n_recv(peer.tls.get(), plaintext.data(), plaintext.size(), &blocked);
  if (received > 0) throw LimitError("data came: this server makes handshakes only");
  if (received < 0 && !IsBlocked()) FailS2n("reading");
  if (received == 0) Close(peer);
}

void LimitServer::Close(Peer& peer) {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  if (s2n_shutdown(peer.tls.get(), &blocked) != S2N_SUCCESS && !IsBlocked()) FailS2n("closing");
  Flush(peer);
  peer.tcp.Close();
  if (s2n_connection_wipe(peer.tls.get()) != S2N_SUCCESS) FailS2n("s2n_connection_wipe");
  free_.push_back(&peer);
}

int LimitServer::Gather(void* peer, const uint8_t* data, uint32_t length) {
  static_cast<Peer*>(peer)->outgoing.append(reinterpret_cast<const char*>(data), length);
  return static_cast<int>(length);
}

// A flight is smaller than an empty socket's buffer.
void LimitServer::Flush(Peer& peer) {
  if (peer.outgoing.empty()) return;
  const ssize_t sent =
      send(peer.tcp.get(), peer.outgoing.data(), peer.outgoing.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(peer.outgoing.size())) Fail("send");
  peer.outgoing.clear();
}

}  // namespace s2npkey::bench
