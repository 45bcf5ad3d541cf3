// One slab of the arena: chunks of one size side by side, and which of them are free.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "memory/arena_size_classes.h"

namespace s2npkey::memory {

class ArenaRegion;

// Kept apart from the memory it describes, so that writing past a chunk's end cannot damage the
// arena, and freed chunks stay zero. Guarded by the arena's lock.
class ArenaSlab {
 public:
  void Open(ArenaRegion* owner, uint8_t* memory, size_t size_class_index) noexcept {
    region = owner;
    base_ = memory;
    class_index_ = size_class_index;
    used_ = 0;
    first_word_ = 0;
    const size_t count = size_class().chunks;
    for (size_t word = 0; word < (count + 63) / 64; word++) {  // the rest is never looked at
      const size_t left = count - word * 64;
      free_[word] = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
    }
  }

  // Only when not Full().
  uint8_t* Take() noexcept {
    while (free_[first_word_] == 0) first_word_++;
    uint64_t& word = free_[first_word_];
    const size_t index = first_word_ * 64 + static_cast<size_t>(__builtin_ctzll(word));
    word &= word - 1;
    used_++;
    return base_ + index * size_class().size;
  }

  // Whether a chunk that is in use begins here.
  bool Holds(const uint8_t* chunk) const noexcept {
    const auto offset = static_cast<uint32_t>(chunk - base_);
    const auto size = static_cast<uint32_t>(size_class().size);
    const uint32_t index = offset / size;
    return index * size == offset && index < size_class().chunks &&
           (free_[index / 64] >> (index % 64) & 1) == 0;
  }

  // Only a chunk that the slab Holds().
  void Return(const uint8_t* chunk) noexcept {
    const size_t index = static_cast<size_t>(chunk - base_) / size_class().size;
    free_[index / 64] |= uint64_t{1} << (index % 64);
    if (index / 64 < first_word_) first_word_ = index / 64;
    used_--;
  }

  bool Empty() const noexcept { return used_ == 0; }
  bool Full() const noexcept { return used_ == size_class().chunks; }
  uint8_t* base() const noexcept { return base_; }
  size_t class_index() const noexcept { return class_index_; }
  const ArenaSizeClass& size_class() const noexcept { return kArenaSizeClasses[class_index_]; }

  // Links in the arena's chain of slabs of this class that have room.
  ArenaSlab* previous = nullptr;
  ArenaSlab* next = nullptr;
  ArenaRegion* region = nullptr;

 private:
  static constexpr size_t kWords = kArenaUnit / kArenaSizeClasses[0].size / 64;

  uint8_t* base_ = nullptr;
  size_t class_index_ = 0;
  size_t used_ = 0;
  size_t first_word_ = 0;                // no word before it has a free chunk
  std::array<uint64_t, kWords> free_{};  // a bit a chunk
};

}  // namespace s2npkey::memory
