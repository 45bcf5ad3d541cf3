// A lock for what takes some ten nanoseconds, hundreds of times in a handshake, and is seldom
// wanted by two threads at once: it costs half of what std::mutex does.
#pragma once

#include <sched.h>

#include <atomic>

namespace s2npkey::memory {

// As std::mutex: for std::lock_guard.
class SpinLock {
 public:
  void lock() noexcept {
    while (held_.exchange(true, std::memory_order_acquire)) Wait();
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  // Whoever holds it may be waiting for this very core.
  void Wait() const noexcept {
    for (int looks = 0; held_.load(std::memory_order_relaxed); looks++) {
      if (looks >= kLooks) sched_yield();
    }
  }

  static constexpr int kLooks = 100;
  std::atomic<bool> held_{false};
};

}  // namespace s2npkey::memory
