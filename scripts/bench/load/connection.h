// One client connection, TLS or plain, that never blocks: each step is called again when the
// descriptor is ready.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/descriptor.h"
#include "tls/s2n_handles.h"

namespace s2npkey::bench {

// The server did not do what it should; the benchmark ends.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Progress { kDone, kBlocked };

class Connection {
 public:
  // `config`: null for plain TCP; otherwise it outlives the connection.
  Connection(uint16_t port, s2n_config* config);

  // For the next handshakes: a session of `session`'s server, as `Session` returned it.
  void Resume(const std::vector<uint8_t>& session) { session_ = &session; }
  // What resumes this connection's session (RFC 5077's or RFC 8446's ticket), once the server has
  // sent it; empty before.
  std::vector<uint8_t> Session() const;
  bool resumed() const;

  // Starts to connect. The descriptor changes with each call; the TLS connection's memory is used
  // again.
  void Open();
  int descriptor() const noexcept { return tcp_.get(); }

  // Until the handshake is done; for plain TCP until it is connected.
  Progress Establish();
  // Bytes taken of `text`; 0: blocked, to be called again with the same text.
  size_t Send(std::string_view text);
  // Bytes taken; 0: blocked. A peer that ends here is an error.
  size_t Receive(char* buffer, size_t size);
  // TLS: close_notify both ways. Plain: FIN both ways. The descriptor is closed then.
  Progress CloseInOrder();

  // What the handshake agreed on: "TLS 1.3 TLS_AES_128_GCM_SHA256 secp256r1"; "plain" without TLS.
  std::string Agreement() const;

 private:
  [[noreturn]] void FailS2n(const char* what) const;
  Progress BlockedOr(const char* what, int blocked) const;

  uint16_t port_;
  s2n_config* config_;
  const std::vector<uint8_t>* session_ = nullptr;  // outlives this
  tls::ConnectionHandle tls_;
  engine::Descriptor tcp_;
  bool connected_ = false;
  bool end_sent_ = false;
};

}  // namespace s2npkey::bench
