// How long an engine waits for what a peer may never do. Values of their own for each engine, so
// that tests need not wait.
#pragma once

#include <chrono>
#include <cstddef>

namespace s2npkey::engine {

struct Limits {
  // JavaScript has let go of the connection, and the peer takes none of what was written before: so
  // long, then RST. Linux keeps what a closed socket has to deliver about as long (340 s measured).
  std::chrono::milliseconds delivery{300000};
  // The same for a peer that takes a little now and then.
  std::chrono::milliseconds delivery_total{900000};
  // Everything was sent, FIN too, and the peer acknowledges nothing more and does not send its own:
  // so long, then the descriptor is closed.
  std::chrono::milliseconds linger{2000};
  // The same for a peer that acknowledges a little now and then. The kernel goes on delivering.
  std::chrono::milliseconds linger_total{30000};
  // So many connections of a thread are silent after a record that failed. With more of them the
  // oldest end early, at the next of these ticks of the clock: at once would say when the other
  // failed, and to hide that is what the silence is for.
  size_t silent = 1024;
  std::chrono::milliseconds silent_tick{100};
  // JavaScript is told of a TLS 1.2 client before that client is told that the handshake is done,
  // but while JavaScript is busy no later than this.
  std::chrono::milliseconds taking{100};
  // Without traffic for so long, a connection gives its record buffers back.
  std::chrono::milliseconds idle{1000};
  // So long after a connection gave memory back, the arena gives the kernel what nobody took since.
  std::chrono::milliseconds trim{500};
};

}  // namespace s2npkey::engine
