// Whether what a thread waits for has come within microseconds lately.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "engine/deadlines.h"

namespace s2npkey::engine {

// Used by one thread.
class ShortWaits {
 public:
  // To go to sleep and be woken takes a thread, and whoever wakes it, about as long.
  static constexpr std::chrono::microseconds kShort{30};
  // Of waits that are slept through one is looked through. How long those took is not known: being
  // woken is a part of it, and in a virtual machine alone more than kShort.
  static constexpr uint32_t kTrial = 32;

  // Whether to look, for up to kShort, before sleeping.
  bool ShouldLook() noexcept { return average_ < kShort || ++slept_ % kTrial == 0; }
  void Add(Clock::duration wait, bool looked) noexcept {
    if (looked && wait < kShort) average_ = std::min<Clock::duration>(average_, kShort / 2);
    // One long wait weighs no more than a few short ones.
    const auto capped = std::min<Clock::duration>(wait, 8 * kShort);
    average_ += (capped - average_) / 16;
  }

 private:
  Clock::duration average_ = 8 * kShort;  // exponential, over some 16
  uint32_t slept_ = 0;
};

}  // namespace s2npkey::engine
