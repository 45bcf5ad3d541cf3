// The arena: what s2n-tls's memory is promised. Most tests use an arena of their own; s2n uses
// Arena::Process().
#include "memory/arena.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arena_memory.h"
#include "child_process.h"
#include "engine_fixture.h"
#include "memory/sanitizer.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using memory::Arena;
using memory::ArenaStatistics;

bool IsZero(const uint8_t* memory, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (memory[i] != 0) return false;
  }
  return true;
}

}  // namespace

TEST(memory_is_zero_and_aligned_for_anything_whatever_its_size) {
  Arena arena;
  std::vector<size_t> sizes;
  for (size_t size = 1; size < 70000; size = size < 300 ? size + 1 : size + 97)
    sizes.push_back(size);
  sizes.insert(sizes.end(), {65536, 65537, kMegabyte, 9 * kMegabyte + 1});
  for (const size_t size : sizes) {
    // Side by side, since a slab's first chunk is aligned whatever its size.
    const std::array<uint8_t*, 3> chunks = {Take(&arena, size), Take(&arena, size),
                                            Take(&arena, size)};
    for (uint8_t* memory : chunks) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 16, 0U);
      EXPECT(IsZero(memory, size));
      std::memset(memory, 0xa5, size);
    }
    for (uint8_t* memory : chunks) arena.Free(memory);
  }
  EXPECT_EQ(arena.Statistics().allocations, 0U);
  EXPECT_EQ(arena.Statistics().bytes_in_use, 0U);
}

TEST(memory_that_was_freed_is_used_again) {
  Arena arena;
  uint8_t* first = Take(&arena, 17413);
  arena.Free(first);
  EXPECT(Take(&arena, 17413) == first);
}

TEST(freed_memory_is_wiped_to_the_end_of_what_was_given) {
  Arena arena;
  const uint8_t* neighbour =
      Take(&arena, 1000);  // keeps the slab, so that freed memory is still mapped
  size_t allocated = 0;
  void* memory = arena.Allocate(1000, &allocated);
  EXPECT(memory != nullptr);
  std::memset(memory, 0xa5, allocated);
  arena.Free(memory);
  const auto* bytes = static_cast<const uint8_t*>(memory);
  memory::sanitizer::Unpoison(bytes, allocated);
  EXPECT(IsZero(bytes, allocated));
  memory::sanitizer::Poison(bytes, allocated);
  EXPECT(IsZero(neighbour, 1000));
}

TEST(little_is_wasted_on_the_sizes_that_s2n_asks_for) {
  // Of two connections, server and client, TLS 1.2 and 1.3.
  for (const size_t size :
       {496, 552, 560, 952, 1184, 1453, 2400, 4280, 9116, 16384, 16645, 17408, 17413}) {
    Arena arena;
    constexpr size_t kCount = 2000;
    for (size_t i = 0; i < kCount; i++) Take(&arena, size);
    const ArenaStatistics statistics = arena.Statistics();
    EXPECT(statistics.bytes_in_use * 100 <= kCount * size * 110);
  }
  // All that one connection holds, ten thousand times over: what is mapped, not just what is handed
  // out.
  Arena arena;
  size_t asked = 0;
  for (int i = 0; i < 10000; i++) {
    for (const size_t size : {952, 496, 560, 4280, 17413, 16384}) {
      Take(&arena, size);
      asked += size;
    }
  }
  EXPECT(arena.Statistics().bytes_reserved * 100 <= asked * 105);
}

TEST(no_two_allocations_overlap_and_none_is_disturbed_in_100_000_random_steps) {
  Arena arena;
  std::mt19937 random(20240501);
  struct Block {
    uint8_t* memory;
    size_t size;
    uint8_t mark;
  };
  std::vector<Block> live;
  std::map<uintptr_t, size_t> ranges;
  const auto free_one = [&](size_t index) {
    const Block block = live[index];
    live[index] = live.back();
    live.pop_back();
    // Every byte is still what its owner wrote: the first and all others.
    EXPECT_EQ(block.memory[0], block.mark);
    EXPECT_EQ(std::memcmp(block.memory, block.memory + 1, block.size - 1), 0);
    ranges.erase(reinterpret_cast<uintptr_t>(block.memory));
    arena.Free(block.memory);
  };
  for (int step = 0; step < 100000; step++) {
    const size_t target = (step / 10000) % 2 == 0 ? 1500 : 100;  // grows and shrinks
    if (live.size() < target ? random() % 3 != 0 : random() % 3 == 0) {
      const size_t magnitude = size_t{1} << (random() % 15);
      const size_t size =
          step % 997 == 0 ? 70000 + random() % 200000 : magnitude + random() % (magnitude + 1);
      const Block block{Take(&arena, size), size, static_cast<uint8_t>(random())};
      EXPECT(IsZero(block.memory, size));
      std::memset(block.memory, block.mark, size);
      const auto start = reinterpret_cast<uintptr_t>(block.memory);
      const auto after = ranges.lower_bound(start);
      EXPECT(after == ranges.end() || start + size <= after->first);
      EXPECT(after == ranges.begin() ||
             std::prev(after)->first + std::prev(after)->second <= start);
      ranges[start] = size;
      live.push_back(block);
      EXPECT_EQ(arena.Statistics().allocations, live.size());
    } else if (!live.empty()) {
      free_one(random() % live.size());
    }
  }
  while (!live.empty()) free_one(live.size() - 1);
  EXPECT_EQ(arena.Statistics().bytes_in_use, 0U);
}

TEST(regions_are_few_and_go_back_to_the_kernel_when_empty_but_for_one) {
  Arena arena;
  std::vector<uint8_t*> chunks;
  for (int i = 0; i < 6400; i++) chunks.push_back(Take(&arena, 17413));  // 106 MiB
  const ArenaStatistics full = arena.Statistics();
  EXPECT_EQ(full.allocations, 6400U);
  EXPECT(full.regions < 40);
  EXPECT_EQ(full.bytes_reserved, full.bytes_locked + full.bytes_unlocked);
  std::shuffle(chunks.begin(), chunks.end(), std::mt19937(7));
  for (uint8_t* chunk : chunks) arena.Free(chunk);
  EXPECT(arena.Statistics().regions <= 2);  // one for the last slab, which waits for Trim()
  arena.Trim();
  const ArenaStatistics empty = arena.Statistics();
  EXPECT_EQ(empty.regions, 1U);
  EXPECT_EQ(empty.bytes_in_use, 0U);
  EXPECT(empty.bytes_reserved <= 4 * kMegabyte);

  // The one that is kept serves whoever comes next.
  uint8_t* again = Take(&arena, 17413);
  EXPECT_EQ(arena.Statistics().regions, 1U);
  EXPECT_EQ(arena.Statistics().bytes_reserved, empty.bytes_reserved);
  arena.Free(again);
}

TEST(memory_that_nothing_lies_in_goes_back_to_the_kernel_and_comes_again_zero_and_locked) {
  Arena arena;
  std::vector<uint8_t*> chunks;
  for (int i = 0; i < 150; i++) chunks.push_back(Take(&arena, 17413));  // ten slabs
  for (uint8_t* chunk : chunks) std::memset(chunk, 0xa5, 17413);
  uint8_t* kept = Take(&arena, 100);
  std::memset(kept, 0x5a, 100);
  const size_t used = Resident(chunks, 17413);
  EXPECT(used >= 150U * 3 * 4096);
  EXPECT_EQ(arena.Trim(), 0U);  // all of it is in use
  for (uint8_t* chunk : chunks) arena.Free(chunk);
  const ArenaStatistics before = arena.Statistics();
  if (before.bytes_locked > 0 && !LockedPagesCanBeGivenBack()) {
    EXPECT_EQ(arena.Trim(), 0U);
  } else {
    EXPECT(arena.Trim() > 0);
    EXPECT(Resident(chunks, 17413) <= used / 10);
    EXPECT_EQ(arena.Trim(), 0U);  // once
  }
  EXPECT(std::all_of(kept, kept + 100, [](uint8_t byte) { return byte == 0x5a; }));
  for (int i = 0; i < 150; i++) {
    uint8_t* again = Take(&arena, 17413);
    EXPECT(IsZero(again, 17413));
    std::memset(again, 0xa5, 17413);
  }
  // What comes again is locked as what was there before.
  if (before.bytes_unlocked == 0) EXPECT_EQ(arena.Statistics().bytes_unlocked, 0U);
}

TEST(an_allocation_larger_than_any_chunk_has_a_mapping_of_its_own) {
  Arena arena;
  uint8_t* large = Take(&arena, kMegabyte + 1);
  EXPECT_EQ(arena.Statistics().regions, 1U);
  EXPECT(arena.Statistics().bytes_reserved < kMegabyte + 65536);
  std::memset(large, 1, kMegabyte + 1);
  uint8_t* small = Take(&arena, 100);
  arena.Free(large);
  EXPECT_EQ(arena.Statistics().allocations, 1U);
  arena.Free(small);
}

TEST(freeing_twice_or_what_never_came_from_the_arena_aborts_with_a_message) {
  const std::string says = "s2n-pkey: arena: 0x";
  const std::vector<std::pair<const char*, std::function<void(Arena*)>>> misuses = {
      {"twice, others in the slab",
       [](Arena* arena) {
         Take(arena, 100);
         void* memory = Take(arena, 100);
         arena->Free(memory);
         arena->Free(memory);
       }},
      {"twice, the slab gone",
       [](Arena* arena) {
         void* memory = Take(arena, 100);
         arena->Free(memory);
         arena->Free(memory);
       }},
      {"twice, large",
       [](Arena* arena) {
         void* memory = Take(arena, kMegabyte);
         arena->Free(memory);
         arena->Free(memory);
       }},
      {"the middle of a chunk", [](Arena* arena) { arena->Free(Take(arena, 100) + 16); }},
      {"the middle of a large slab", [](Arena* arena) { arena->Free(Take(arena, 17413) + 65536); }},
      {"past what is in use", [](Arena* arena) { arena->Free(Take(arena, 100) + 65536); }},
      {"malloc's",
       [](Arena* arena) {
         std::vector<char> other(100);
         arena->Free(other.data());
       }},
      {"the stack's",
       [](Arena* arena) {
         Take(arena, 100);
         int other = 0;
         arena->Free(&other);
       }},
  };
  for (const auto& [what, misuse] : misuses) {
    const Ended ended = RunInChild([&run = misuse] {
      Arena arena;
      run(&arena);
    });
    EXPECT_EQ(std::string(what) + (ended.aborted ? " aborts" : " goes on"),
              std::string(what) + " aborts");
    EXPECT_EQ(ended.said.substr(0, says.size()), says);
  }
}

#if defined(S2NPKEY_ADDRESS_SANITIZER)
TEST(address_sanitizer_sees_the_use_of_freed_memory_and_of_what_lies_past_a_buffer) {
  for (const size_t beyond : {size_t{0}, size_t{100}}) {
    const Ended ended = RunInChild([&] {
      Arena arena;
      Take(&arena, 100);
      volatile uint8_t* memory = Take(&arena, 100);
      if (beyond == 0) arena.Free(const_cast<uint8_t*>(memory));
      memory[beyond] = 1;
    });
    EXPECT(ended.said.find("AddressSanitizer: use-after-poison") != std::string::npos);
  }
}
#endif

TEST(the_arena_counts_how_often_its_lock_is_taken) {
  Arena arena;
  const ArenaStatistics before = arena.Statistics();
  arena.Free(Take(&arena, 100));
  const ArenaStatistics after = arena.Statistics();
  EXPECT_EQ(after.lock_taken - before.lock_taken, 3u);  // Allocate, Free, Statistics
  EXPECT_EQ(after.lock_waited, 0u);
}

TEST(threads_share_an_arena_and_free_each_others_memory) {
  Arena arena;
  constexpr size_t kThreads = 4;
  // What one thread allocates another frees.
  std::mutex mutex;
  std::vector<std::pair<uint8_t*, size_t>> shared;
  std::array<int, kThreads> disturbed{};
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < kThreads; thread++) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(static_cast<unsigned>(thread));
      for (int step = 0; step < 20000; step++) {
        const size_t size =
            step % 500 == 0 ? 100000 : 1 + random() % (random() % 2 == 0 ? 600 : 18000);
        size_t allocated = 0;
        auto* memory = static_cast<uint8_t*>(arena.Allocate(size, &allocated));
        if (!memory || !IsZero(memory, size)) {
          disturbed[thread]++;
          continue;
        }
        std::memset(memory, static_cast<int>(size % 255 + 1), size);
        std::pair<uint8_t*, size_t> taken{memory, size};
        {
          const std::lock_guard<std::mutex> lock(mutex);
          shared.emplace_back(memory, size);
          if (shared.size() < 200) continue;
          std::swap(shared[random() % shared.size()], shared.back());
          taken = shared.back();
          shared.pop_back();
        }
        for (size_t i = 0; i < taken.second; i++) {
          if (taken.first[i] != taken.second % 255 + 1) disturbed[thread]++;
        }
        arena.Free(taken.first);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : disturbed) EXPECT_EQ(count, 0);
  EXPECT_EQ(arena.Statistics().allocations, shared.size());
  for (const auto& [memory, size] : shared) arena.Free(memory);
  EXPECT_EQ(arena.Statistics().bytes_in_use, 0U);
}

TEST(s2n_gives_back_all_that_an_engine_and_its_connections_took) {
  const Identity identity = Identity::Rsa(2048);
  const auto once = [&] {
    EngineFixture server(identity, true);
    Accepted accepted = server.Accept();
    {
      Client client(std::move(accepted.client_tcp), "default");
      EXPECT(client.Handshake());
      EXPECT(server.Expect(engine::Event::Kind::kSecure).has_value());
    }
    EXPECT(server.Expect(engine::Event::Kind::kClosed).has_value());
  };       // the engine's thread has ended
  once();  // and this thread's random state stays
  const ArenaStatistics before = Arena::Process().Statistics();
  for (int i = 0; i < 5; i++) once();
  EXPECT_EQ(Arena::Process().Statistics().bytes_in_use, before.bytes_in_use);
  EXPECT_EQ(Arena::Process().Statistics().allocations, before.allocations);
}

}  // namespace s2npkey::test
