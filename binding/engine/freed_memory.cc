#include "engine/freed_memory.h"

#include <cstddef>
#include <cstdlib>

namespace s2npkey::engine {

namespace {
constexpr size_t kLargeBuffer = 16 * 1024 * 1024;
}

void KeepFreedMemory() {
  // Mapped and unmapped, never touched. Volatile: or the compiler leaves both out.
  void* volatile buffer = std::malloc(kLargeBuffer);
  std::free(buffer);
}

}  // namespace s2npkey::engine
