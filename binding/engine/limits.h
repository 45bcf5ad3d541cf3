// How long an engine waits for what a peer may never do. Values of their own for each engine, so
// that tests need not wait.
#pragma once

#include <chrono>

namespace keyless::engine {

struct Limits {
  // JavaScript has let go of the connection, and the peer takes none of what was written before: so
  // long, then RST.
  std::chrono::milliseconds delivery{30000};
  // Everything was sent, FIN too, and the peer acknowledges nothing more and does not send its own:
  // so long, then the descriptor is closed.
  std::chrono::milliseconds linger{2000};
  // Without traffic for so long, a connection gives its record buffers back.
  std::chrono::milliseconds idle{1000};
  // So long after a connection gave memory back, the arena gives the kernel what nobody took since.
  std::chrono::milliseconds trim{500};
};

}  // namespace keyless::engine
