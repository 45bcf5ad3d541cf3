// How long an engine waits for actions that a peer may never take. Each engine has its own values,
// so that tests need not wait.
#pragma once

#include <chrono>
#include <cstddef>

namespace s2npkey::engine {

struct Limits {
  // JavaScript has closed the connection, and the peer reads none of the earlier writes: RST after
  // this time. Linux keeps the data of a closed socket about as long (340 s measured).
  std::chrono::milliseconds delivery{300000};
  // The same for a peer that reads a little now and then.
  std::chrono::milliseconds delivery_total{900000};
  // Everything was sent, including FIN, but the peer acknowledges nothing more and sends no FIN:
  // close the descriptor after this time.
  std::chrono::milliseconds linger{2000};
  // The same for a peer that acknowledges a little now and then. The kernel still delivers the
  // rest.
  std::chrono::milliseconds linger_total{30000};
  // The most connections of a thread that are silent after a failed record. Beyond that, the oldest
  // end early, at the next of these clock ticks. Ending at once would reveal when the other one
  // failed, which the silence must hide.
  size_t silent = 1024;
  std::chrono::milliseconds silent_tick{100};
  // A TLS 1.2 client gets the end of its handshake after JavaScript has taken the connection, or
  // after this time if JavaScript is busy.
  std::chrono::milliseconds taking{100};
  // A connection frees its record buffers after this time without traffic.
  std::chrono::milliseconds idle{1000};
  // After this time since a connection freed memory, the arena returns unused memory to the kernel.
  std::chrono::milliseconds trim{500};
};

}  // namespace s2npkey::engine
