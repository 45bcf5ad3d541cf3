// Taking memory from an arena in a test, which fails when there is none.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "memory/arena.h"
#include "test.h"

namespace s2npkey::test {

inline constexpr size_t kKilobyte = 1024;
inline constexpr size_t kMegabyte = 1024 * kKilobyte;

inline uint8_t* Take(memory::Arena* arena, size_t size) {
  size_t allocated = 0;
  void* memory = arena->Allocate(size, &allocated);
  if (!memory || allocated < size) throw ExpectationFailed();
  return static_cast<uint8_t*>(memory);
}

// Of the whole pages in these chunks, those that the kernel has memory for, in bytes.
inline size_t Resident(const std::vector<uint8_t*>& chunks, size_t size) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  size_t resident = 0;
  for (uint8_t* chunk : chunks) {
    const uintptr_t end = (reinterpret_cast<uintptr_t>(chunk) + size) / page * page;
    for (uintptr_t at = (reinterpret_cast<uintptr_t>(chunk) + page - 1) / page * page; at < end;
         at += page) {
      unsigned char state = 0;
      // Fails where nothing is mapped any more.
      if (mincore(reinterpret_cast<void*>(at), page, &state) == 0 && (state & 1)) resident += page;
    }
  }
  return resident;
}

// Whether the kernel takes back pages that are locked (Linux 5.18).
inline bool LockedPagesCanBeGivenBack() {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(memory != MAP_FAILED);
  const bool can = madvise(memory, page, 24) == 0;  // MADV_DONTNEED_LOCKED
  munmap(memory, page);
  return can;
}

}  // namespace s2npkey::test
