// Taking memory from an arena in a test, which fails when there is none.
#pragma once

#include "test.h"
#include "tls/arena.h"

namespace keyless::test {

inline constexpr size_t kKilobyte = 1024;
inline constexpr size_t kMegabyte = 1024 * kKilobyte;

inline uint8_t* Take(tls::Arena* arena, size_t size) {
  size_t allocated = 0;
  void* memory = arena->Allocate(size, &allocated);
  if (!memory || allocated < size) throw ExpectationFailed();
  return static_cast<uint8_t*>(memory);
}

}  // namespace keyless::test
