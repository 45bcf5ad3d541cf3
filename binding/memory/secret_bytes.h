// Bytes that must not be swapped out, dumped, or left behind: plaintext, session secrets, exported
// keying material. They lie in the arena, which locks them and wipes them when they are freed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "memory/arena.h"

namespace s2npkey::memory {

// Any thread.
template <typename T>
struct ArenaAllocator {
  using value_type = T;

  ArenaAllocator() = default;
  template <typename Other>
  ArenaAllocator(const ArenaAllocator<Other>&) noexcept {}  // NOLINT: as std::allocator

  T* allocate(size_t count) {
    size_t allocated = 0;
    void* memory = Arena::Process().Allocate(count * sizeof(T), &allocated);
    if (!memory) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t) noexcept { Arena::Process().Free(memory); }

  friend bool operator==(const ArenaAllocator&, const ArenaAllocator&) noexcept { return true; }
  friend bool operator!=(const ArenaAllocator&, const ArenaAllocator&) noexcept { return false; }
};

using SecretBytes = std::vector<uint8_t, ArenaAllocator<uint8_t>>;

}  // namespace s2npkey::memory
