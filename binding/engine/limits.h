// How long an engine waits for actions that a peer may never take. Each engine has its own values,
// so that tests need not wait.
#pragma once

#include <chrono>
#include <cstddef>

namespace s2npkey::engine {

struct Limits {
  // How long the earlier writes of a connection that JavaScript has closed wait for a peer that
  // reads nothing. Then RST. Linux keeps the data of a closed socket about as long.
  std::chrono::milliseconds delivery{300000};
  // The same for a peer that reads a little now and then.
  std::chrono::milliseconds delivery_total{900000};
  // After everything was sent, including FIN: how long to wait for a peer that acknowledges nothing
  // and sends no FIN. Then the descriptor is closed.
  std::chrono::milliseconds linger{2000};
  // The same for a peer that acknowledges a little now and then. The kernel still delivers the
  // rest.
  std::chrono::milliseconds linger_total{30000};
  // How many connections of a thread may be silent after a failed record. Beyond that, the oldest
  // end early, at the next tick of silent_tick. Ending at once would reveal when another one
  // failed, which the silence must hide.
  size_t silent = 1024;
  std::chrono::milliseconds silent_tick{100};
  // A PROXY protocol header must be complete this long after its first byte.
  std::chrono::milliseconds proxy_header{5000};
  // A TLS 1.2 client gets the end of its handshake after JavaScript has taken the connection, or
  // after this time if JavaScript is busy.
  std::chrono::milliseconds taking{100};
  // A connection frees its record buffers after this time without traffic.
  std::chrono::milliseconds idle{1000};
  // After this time since a connection freed memory, the arena returns unused memory to the kernel.
  std::chrono::milliseconds trim{500};
};

}  // namespace s2npkey::engine
