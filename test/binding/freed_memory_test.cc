// That what is freed at once does not go back to the kernel at once: glibc's malloc, which
// sanitizers replace.
#include "engine/engine.h"

#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "child_process.h"
#include "memory/sanitizer.h"
#include "test.h"

#if defined(__GLIBC__) && !defined(S2NPKEY_ADDRESS_SANITIZER)

using namespace s2npkey;
using namespace s2npkey::test;

namespace {

constexpr char kFresh[] = "S2NPKEY_FRESH_HEAP";

// As many reads' buffers as lie about before V8 collects them. Whether the end of the heap came
// back when they were freed.
bool HeapShrinks() {
  std::vector<void*> buffers(256);
  for (void*& buffer : buffers) buffer = std::malloc(65536);
  const void* end = sbrk(0);
  for (void* buffer : buffers) std::free(buffer);
  return sbrk(0) < end;
}

}  // namespace

TEST(freed_memory_stays_with_the_process_only_where_that_is_asked_for) {
  if (std::getenv(kFresh)) {
    EXPECT(HeapShrinks());
    engine::Engine::Acquire({});
    EXPECT(HeapShrinks());  // the process's malloc is left alone
    engine::Scheduling asked;
    asked.keep_freed_memory = true;
    engine::Engine::Acquire(asked);
    EXPECT(!HeapShrinks());
    return;
  }
  // The program again: this heap has a history, which a fork has, too.
  ExpectInChild([] {
    setenv(kFresh, "", 1);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execl("/proc/self/exe", "core_test", "freed_memory_stays", nullptr);
    EXPECT(!"the program can be run again");
  });
}

#endif
