// A wait on many connections at once: edge-triggered epoll that never sleeps. A sleeping client is
// woken by the server's sends, and where the two share a machine that interrupt of another core is
// on the server's bill (a quarter of a small request's time, when measured in a virtual machine),
// which no server with clients elsewhere pays.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "engine/descriptor.h"

namespace s2npkey::bench {

class EventLoop {
 public:
  EventLoop();
  // `index` is what Wait tells of it. Closing the descriptor ends the watch.
  void Watch(int descriptor, size_t index);
  // Indexes of descriptors of which something changed. Throws LoadError when ten seconds bring
  // nothing. Returns with none at `until`.
  const std::vector<size_t>& Wait(
      std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max());
  // Time spent in Wait with nothing to do, so far.
  std::chrono::nanoseconds idle() const noexcept { return idle_; }

 private:
  engine::Descriptor epoll_;
  std::vector<size_t> ready_;
  std::chrono::nanoseconds idle_{};
};

}  // namespace s2npkey::bench
