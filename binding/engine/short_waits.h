// Whether what a thread waits for has come within microseconds lately.
#pragma once

#include <algorithm>
#include <chrono>

#include "engine/deadlines.h"

namespace keyless::engine {

// Used by one thread.
class ShortWaits {
 public:
  // To go to sleep and be woken takes a thread, and whoever wakes it, about as long.
  static constexpr std::chrono::microseconds kShort{30};

  void Add(Clock::duration wait) noexcept {
    // One long wait weighs no more than a few short ones.
    const auto capped = std::min<Clock::duration>(wait, 8 * kShort);
    average_ += (capped - average_) / 16;
  }
  bool expected() const noexcept { return average_ < kShort; }

 private:
  Clock::duration average_ = 8 * kShort;  // exponential, over some 16
};

}  // namespace keyless::engine
