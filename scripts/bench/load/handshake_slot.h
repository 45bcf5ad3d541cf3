// A place in the load that makes one handshake after another, each closed in order.
#pragma once

#include "connection.h"
#include "event_loop.h"
#include "load.h"

namespace s2npkey::bench {

class HandshakeSlot {
 public:
  HandshakeSlot(uint16_t port, s2n_config* config) : connection_(port, config) {}

  void Start(EventLoop& loop, size_t index) {
    established_ = false;
    started_ = Clock::now();
    connection_.Open();
    loop.Watch(connection_.descriptor(), index);
  }

  // True when the connection is over, closed by both sides. `latency` may be null.
  bool Advance(LatencyHistogram* latency, std::string* agreement) {
    if (!established_) {
      if (connection_.Establish() == Progress::kBlocked) return false;
      established_ = true;
      if (latency) latency->Add(Clock::now() - started_);
      if (agreement->empty()) *agreement = connection_.Agreement();
    }
    return connection_.CloseInOrder() == Progress::kDone;
  }

  Connection& connection() noexcept { return connection_; }
  bool established() const noexcept { return established_; }

 private:
  Connection connection_;
  Clock::time_point started_;
  bool established_ = false;
};

}  // namespace s2npkey::bench
