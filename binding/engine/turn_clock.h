// How long the parts of an engine thread's turn take: what connections cost is the peers' choice,
// so neither bytes nor connections measure it.
#pragma once

#include <chrono>
#include <cstddef>

#include "engine/deadlines.h"

namespace s2npkey::engine {

// Used by one thread.
class TurnClock {
 public:
  using Now = Clock::time_point (*)();

  // Open connections have so long of a turn, and the one that is being driven then ends its chunk.
  static constexpr std::chrono::microseconds kData{2000};
  // The clock is looked at after so many bytes of TCP's or JavaScript's, or so many connections:
  // what a few of either can take is little beside kData.
  static constexpr size_t kBytesALook = 16384;
  static constexpr size_t kStreamsALook = 8;

  explicit TurnClock(Now now = Clock::now) : now_(now) {}

  void Begin() {
    begun_ = now_();
    bytes_ = 0;
    streams_ = 0;
    over_ = false;
  }
  void Moved(size_t bytes) noexcept { bytes_ += bytes; }
  void Drove() noexcept { streams_++; }

  // Whether the time of open connections is over.
  bool Over() {
    if (over_ || (bytes_ < kBytesALook && streams_ < kStreamsALook)) return over_;
    bytes_ = 0;
    streams_ = 0;
    return over_ = Elapsed() >= kData;
  }
  std::chrono::nanoseconds Elapsed() const { return now_() - begun_; }

 private:
  const Now now_;
  Clock::time_point begun_;
  size_t bytes_ = 0;
  size_t streams_ = 0;
  bool over_ = false;
};

}  // namespace s2npkey::engine
