// The least that a server on the same s2n-tls can cost: full handshakes with a key in memory, one
// thread, epoll, each flight written at once, connections used again. It answers nothing and waits
// for the client to close in order.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/descriptor.h"
#include "tls/s2n_handles.h"

namespace s2npkey::bench {

class LimitError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class LimitServer {
 public:
  // PEM of the chain and of the key. Listens on a free port of 127.0.0.1.
  LimitServer(const std::string& chain, const std::string& key);
  uint16_t port() const noexcept { return port_; }
  // Until standard input ends. A connection that fails in any way throws.
  void Run();

 private:
  struct Peer {
    engine::Descriptor tcp;
    tls::ConnectionHandle tls;
    std::string outgoing;  // records of the flight under way
    bool established = false;
  };

  void AcceptAll();
  void Advance(Peer& peer);
  void Flush(Peer& peer);
  void Close(Peer& peer);
  static int Gather(void* peer, const uint8_t* data, uint32_t length);

  tls::CertificateChainHandle chain_;
  tls::ConfigHandle config_;
  engine::Descriptor listener_;
  engine::Descriptor epoll_;
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> free_;
};

}  // namespace s2npkey::bench
