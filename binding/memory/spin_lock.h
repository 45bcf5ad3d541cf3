// A lock for work of some ten nanoseconds that is done hundreds of times in a handshake, where two
// threads seldom need it at once. It costs half of what std::mutex does.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

namespace s2npkey::memory {

// As std::mutex: for std::lock_guard.
class SpinLock {
 public:
  void lock() noexcept {
    if (held_.exchange(true, std::memory_order_acquire)) {
      do {
        Wait();
      } while (held_.exchange(true, std::memory_order_acquire));
      waited_++;
    }
    taken_++;
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

  // Since the start; only for its holder.
  uint64_t taken() const noexcept { return taken_; }
  uint64_t waited() const noexcept { return waited_; }  // because another thread held it

 private:
  // The holder may be waiting for this very core.
  void Wait() const noexcept {
    for (int looks = 0; held_.load(std::memory_order_relaxed); looks++) {
      if (looks >= kLooks) sched_yield();
    }
  }

  static constexpr int kLooks = 100;
  std::atomic<bool> held_{false};
  uint64_t taken_ = 0;
  uint64_t waited_ = 0;
};

}  // namespace s2npkey::memory
