// Settings for how the engine shares the machine with JavaScript. Users change them by environment
// variables: see "Tuning" in docs/limits.md, and lib/native/scheduling.ts.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/deadlines.h"

namespace s2npkey::engine {

// Set once, before the first engine thread starts.
struct Scheduling {
  // Engine threads do not interrupt the event loop (SCHED_BATCH), and yield between two steps of
  // handshakes.
  bool batch_threads = true;
  // How long a thread looks for the next event before it sleeps, if recent events came that fast; 0
  // for never. Sleeping and waking cost about as much time.
  std::chrono::microseconds spin{30};
  // How long a busy thread gathers events before it wakes JavaScript. Waking up is a large part of
  // what a connection costs JavaScript.
  std::chrono::microseconds event_batch{500};
  // How much of a turn open connections get. The current one finishes its chunk.
  std::chrono::microseconds turn{2000};
  // Changes malloc for the whole process; see KeepFreedMemory.
  bool keep_freed_memory = false;
};

// Gives the calling thread the policy SCHED_BATCH (sched(7)): it waits until the event loop sleeps
// instead of interrupting it for each message. Its share of the processor stays the same. Does
// nothing if the process has a policy other than the default.
void WorkInBatches();

// Lets another thread that waits for this core run first. Call it between two long pieces of work.
// Without it, the kernel switches only at its next tick, up to 4 ms later.
void LetOthersGoFirst();

// Makes malloc keep up to 32 MiB of the memory that the whole process frees. glibc does the same
// after an application has freed a large buffer (mallopt(3), M_MMAP_THRESHOLD). Node frees the
// buffers of hundreds of reads whenever V8 collects garbage. With glibc's initial threshold of 128
// KiB, their pages return to the kernel, and come back with one page fault each.
// MALLOC_TRIM_THRESHOLD_ overrides this, and other allocators are not affected.
void KeepFreedMemory();

// Tracks whether recent events came within microseconds. Used by one thread.
class ShortWaits {
 public:
  // One in this many waits looks instead of sleeping, to measure the wait. The time of a sleep does
  // not show it, because waking up can take longer than the limit in a virtual machine.
  static constexpr uint32_t kTrial = 32;

  explicit ShortWaits(std::chrono::microseconds limit = Scheduling{}.spin) : limit_(limit) {}

  // Whether to look, for up to limit(), before sleeping.
  bool ShouldLook() noexcept {
    return limit_.count() > 0 && (average_ < limit_ || ++slept_ % kTrial == 0);
  }
  void Add(Clock::duration wait, bool looked) noexcept {
    if (looked && wait < limit_) average_ = std::min<Clock::duration>(average_, limit_ / 2);
    // Limits the weight of one long wait.
    const auto capped = std::min<Clock::duration>(wait, 8 * limit_);
    average_ += (capped - average_) / 16;
  }
  std::chrono::microseconds limit() const noexcept { return limit_; }

 private:
  std::chrono::microseconds limit_;
  Clock::duration average_ = 8 * limit_;  // exponential, over about 16 waits
  uint32_t slept_ = 0;
};

// Measures the parts of an engine thread's turn in time, because peers decide how much a byte or a
// connection costs. Used by one thread.
class TurnClock {
 public:
  using Now = Clock::time_point (*)();

  // Reads the clock after this many bytes from TCP or JavaScript, or this many connections. Fewer
  // take little time compared with a turn.
  static constexpr size_t kBytesALook = 16384;
  static constexpr size_t kStreamsALook = 8;

  explicit TurnClock(Now now = Clock::now, std::chrono::microseconds turn = Scheduling{}.turn)
      : now_(now), turn_(turn) {}

  void Begin() {
    started_ = now_();
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
    return over_ = Elapsed() >= turn_;
  }
  std::chrono::nanoseconds Elapsed() const { return now_() - started_; }

 private:
  const Now now_;
  const std::chrono::microseconds turn_;
  Clock::time_point started_;
  size_t bytes_ = 0;
  size_t streams_ = 0;
  bool over_ = false;
};

}  // namespace s2npkey::engine
