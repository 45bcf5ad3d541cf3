// Everything that tunes how the engine shares the machine. Each tuning can be switched off or
// changed: see "Tuning" in docs/limits.md, and lib/native/scheduling.ts for the environment
// variables.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/deadlines.h"

namespace s2npkey::engine {

// Set once, before the first engine thread starts.
struct Scheduling {
  // Engine threads give way to the event loop instead of interrupting it (SCHED_BATCH), and yield
  // between two steps of handshakes.
  bool batch_threads = true;
  // How long a thread looks for the next event before it sleeps, where events have come that fast
  // lately. 0: never. To go to sleep and be woken takes a thread, and the one that wakes it, about
  // as long.
  std::chrono::microseconds spin{30};
  // While there is more to do at once, events wait for so long, and JavaScript is woken less often:
  // to be woken costs it a third of what a connection does.
  std::chrono::microseconds event_batch{500};
  // Open connections have so long of a turn, and the one that is being driven then ends its chunk.
  std::chrono::microseconds turn{2000};
  // Changes malloc for the whole process: see KeepFreedMemory.
  bool keep_freed_memory = false;
};

// Makes the calling thread one that works in batches: it waits until the event loop sleeps, instead
// of interrupting it for each message (SCHED_BATCH of sched(7)). Its share of the processor stays
// the same. Does nothing where the user gave the process another policy.
void WorkInBatches();

// Between two long pieces of work: another thread that waits for this core goes first. The kernel
// would let it only with its next tick, up to 4 ms later.
void LetOthersGoFirst();

// From now on malloc keeps up to 32 MiB of what the whole process frees, as if the application
// itself had once freed a large buffer: glibc's threshold is twice the largest (mallopt(3),
// M_MMAP_THRESHOLD). Node frees the buffers of a few hundred reads whenever V8 collects; with
// glibc's first threshold of 128 KiB their pages go back to the kernel, and come again one fault
// after the other. MALLOC_TRIM_THRESHOLD_ overrides this, and other allocators are not affected.
void KeepFreedMemory();

// Whether what a thread waits for has come within microseconds lately. Used by one thread.
class ShortWaits {
 public:
  // Of waits that are slept through one is looked through. How long those took is not known: being
  // woken is a part of it, and in a virtual machine alone more than the limit.
  static constexpr uint32_t kTrial = 32;

  explicit ShortWaits(std::chrono::microseconds limit = Scheduling{}.spin) : limit_(limit) {}

  // Whether to look, for up to limit(), before sleeping.
  bool ShouldLook() noexcept {
    return limit_.count() > 0 && (average_ < limit_ || ++slept_ % kTrial == 0);
  }
  void Add(Clock::duration wait, bool looked) noexcept {
    if (looked && wait < limit_) average_ = std::min<Clock::duration>(average_, limit_ / 2);
    // One long wait weighs no more than a few short ones.
    const auto capped = std::min<Clock::duration>(wait, 8 * limit_);
    average_ += (capped - average_) / 16;
  }
  std::chrono::microseconds limit() const noexcept { return limit_; }

 private:
  std::chrono::microseconds limit_;
  Clock::duration average_ = 8 * limit_;  // exponential, over some 16
  uint32_t slept_ = 0;
};

// How long the parts of an engine thread's turn take: what connections cost is the peers' choice,
// so neither bytes nor connections measure it. Used by one thread.
class TurnClock {
 public:
  using Now = Clock::time_point (*)();

  // The clock is looked at after so many bytes of TCP's or JavaScript's, or so many connections:
  // what a few of either can take is little beside a turn.
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
