// Allocations and releases in any order, against a model: whose memory is whose.
#include <cstring>
#include <vector>

#include "memory/arena.h"
#include "target.h"

namespace s2npkey::fuzz {

namespace {

struct Chunk {
  uint8_t* memory;
  size_t size;
  uint8_t mark;
};

// Both ends, and something of the middle: all of it would only be slow.
bool HoldsOnly(const Chunk& chunk, uint8_t byte) {
  for (size_t i = 0; i < chunk.size; i += i < 64 || i + 64 >= chunk.size ? 1 : 61) {
    if (chunk.memory[i] != byte) return false;
  }
  return chunk.memory[chunk.size - 1] == byte;
}

}  // namespace

FUZZ_TARGET(arena) {
  memory::Arena arena;
  std::vector<Chunk> chunks;
  uint8_t mark = 0;
  const auto release = [&](size_t index) {
    const Chunk chunk = chunks[index];
    chunks[index] = chunks.back();
    chunks.pop_back();
    EXPECT(HoldsOnly(chunk, chunk.mark));
    arena.Free(chunk.memory);
  };
  while (!input.empty()) {
    const uint8_t what = input.Byte();
    if (what < 100 && !chunks.empty()) {
      release(what % chunks.size());
      continue;
    }
    // From a byte to some 130 KB, small ones and the borders of size classes more often.
    const size_t size = (size_t{input.Byte()} << (what % 10)) + what % 3;
    if (size == 0) continue;
    size_t usable = 0;
    Chunk chunk{static_cast<uint8_t*>(arena.Allocate(size, &usable)), 0, ++mark};
    EXPECT(chunk.memory != nullptr);
    EXPECT(usable >= size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(chunk.memory) % 16, 0U);
    chunk.size = usable;
    EXPECT(HoldsOnly(chunk, 0));
    std::memset(chunk.memory, chunk.mark, chunk.size);
    chunks.push_back(chunk);
    EXPECT_EQ(arena.Statistics().allocations, chunks.size());
  }
  while (!chunks.empty()) release(chunks.size() - 1);
  EXPECT_EQ(arena.Statistics().allocations, 0U);
  EXPECT_EQ(arena.Statistics().bytes_in_use, 0U);
  arena.Trim();
  EXPECT(arena.Statistics().regions <= 1);  // an empty one is kept
}

}  // namespace s2npkey::fuzz
