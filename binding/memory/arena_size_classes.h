// The chunk sizes of the arena, chosen for what s2n-tls asks for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace s2npkey::memory {

inline constexpr size_t kArenaUnit = size_t{64}
                                     << 10;  // slabs are whole units, aligned to their size
inline constexpr size_t kArenaUnitsOfLargeSlab = 4;

struct ArenaSizeClass {
  size_t size;    // bytes, a multiple of 16
  size_t units;   // of the slab that holds such chunks
  size_t chunks;  // in one slab
};

namespace arena_detail {

// Small sizes; a server's connection has chunks of 496, 560 and 952 bytes.
inline constexpr size_t kSmallSizes[] = {32,  48,  64,  80,  96,   112,  128, 160,
                                         192, 224, 256, 288, 320,  384,  448, 512,
                                         576, 640, 768, 896, 1024, 1280, 1536};
// The rest divide a slab evenly: so many chunks to a unit...
inline constexpr size_t kChunksOfUnit[] = {36, 32, 27, 24, 21, 18, 16, 15, 13, 12, 11, 10, 9, 8, 7};
// ... or to four, which holds 15 record buffers (16,645 to 17,413 bytes), where one unit would
// hold 3.
inline constexpr size_t kChunksOfLargeSlab[] = {24, 20, 16, 15, 12, 10, 8, 6, 5, 4};

inline constexpr size_t kClasses = sizeof(kSmallSizes) / sizeof(size_t) +
                                   sizeof(kChunksOfUnit) / sizeof(size_t) +
                                   sizeof(kChunksOfLargeSlab) / sizeof(size_t);

constexpr std::array<ArenaSizeClass, kClasses> MakeClasses() {
  std::array<ArenaSizeClass, kClasses> classes{};
  size_t next = 0;
  for (const size_t size : kSmallSizes) classes[next++] = {size, 1, kArenaUnit / size};
  for (const size_t chunks : kChunksOfUnit)
    classes[next++] = {kArenaUnit / chunks / 16 * 16, 1, chunks};
  for (const size_t chunks : kChunksOfLargeSlab) {
    classes[next++] = {kArenaUnit * kArenaUnitsOfLargeSlab / chunks / 16 * 16,
                       kArenaUnitsOfLargeSlab, chunks};
  }
  return classes;
}

}  // namespace arena_detail

// Ascending by size.
inline constexpr std::array<ArenaSizeClass, arena_detail::kClasses> kArenaSizeClasses =
    arena_detail::MakeClasses();
inline constexpr size_t kLargestArenaChunk = kArenaSizeClasses.back().size;

namespace arena_detail {

constexpr std::array<uint8_t, kLargestArenaChunk / 16 + 1> MakeClassOfSize() {
  std::array<uint8_t, kLargestArenaChunk / 16 + 1> table{};
  uint8_t index = 0;
  for (size_t i = 0; i < table.size(); i++) {
    while (kArenaSizeClasses[index].size < i * 16) index++;
    table[i] = index;
  }
  return table;
}

inline constexpr std::array<uint8_t, kLargestArenaChunk / 16 + 1> kClassOfSize = MakeClassOfSize();

}  // namespace arena_detail

// The smallest class that holds `size` bytes; only up to kLargestArenaChunk.
constexpr size_t ArenaClassOfSize(size_t size) {
  return arena_detail::kClassOfSize[(size + 15) / 16];
}

}  // namespace s2npkey::memory
