#include "engine/scheduling.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace s2npkey::engine {

namespace {

// The first version of the kernel's structure (sched_setattr(2)), which glibc has from 2.41 on.
struct Attributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;  // of SCHED_BATCH, from Linux 6.12 on: its slice, in ns
  uint64_t deadline;
  uint64_t period;
};

// The shortest possible slice. A thread that yields loses the rest of it (Linux 6.18), so with a
// longer one this thread would get little of a core that another process uses fully.
constexpr uint64_t kSlice = 100'000;

constexpr size_t kLargeBuffer = 16 * 1024 * 1024;

}  // namespace

void WorkInBatches() {
  if (sched_getscheduler(0) != SCHED_OTHER) return;
  Attributes attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = SCHED_BATCH;
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  attributes.runtime = kSlice;
  // If a sandbox forbids it, nothing changes.
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void LetOthersGoFirst() { sched_yield(); }

void KeepFreedMemory() {
  // Mapped and unmapped, never used. Volatile, so that the compiler keeps both calls.
  void* volatile buffer = std::malloc(kLargeBuffer);
  std::free(buffer);
}

}  // namespace s2npkey::engine
