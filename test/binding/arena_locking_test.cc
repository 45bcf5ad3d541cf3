// What of the arena's memory is locked, below the limit (RLIMIT_MEMLOCK) and past it.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "arena_memory.h"
#include "child_process.h"
#include "memory/arena.h"
#include "test.h"
#include "test_identity.h"
#include "tls/config.h"
#include "tls/s2n_handles.h"

namespace s2npkey::test {

namespace {

using memory::Arena;
using memory::ArenaStatistics;

rlim_t HardLimit() {
  rlimit limit{};
  EXPECT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  return limit.rlim_max;
}

// An unprivileged user's limit, or the one there is when that is lower: root's capability would
// lift it.
void LimitLockedMemory(rlim_t bytes) {
  const rlim_t allowed = std::min(bytes, HardLimit());
  const rlimit limit{allowed, allowed};
  EXPECT_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
  if (geteuid() == 0) EXPECT_EQ(setresuid(65534, 65534, 65534), 0);
}

// What the kernel counts against the limit.
size_t LockedByTheKernel() {
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (!status) throw ExpectationFailed();
  char line[256];
  unsigned long kilobytes = 0;
  while (std::fgets(line, sizeof line, status)) {
    if (std::sscanf(line, "VmLck: %lu", &kilobytes) == 1) break;
  }
  std::fclose(status);
  return kilobytes * kKilobyte;
}

}  // namespace

TEST(memory_is_locked_and_left_out_of_core_dumps) {
  Arena arena;
  const size_t before = LockedByTheKernel();
  const uint8_t* memory = Take(&arena, 100);
  const ArenaStatistics statistics = arena.Statistics();
  EXPECT_EQ(LockedByTheKernel() - before, statistics.bytes_locked);

  // "dd": MADV_DONTDUMP, "lo": locked; proc_pid_smaps(5).
  std::FILE* smaps = std::fopen("/proc/self/smaps", "r");
  EXPECT(smaps != nullptr);
  char line[512];
  std::string flags;
  bool around = false;
  while (std::fgets(line, sizeof line, smaps)) {
    unsigned long start = 0;
    unsigned long end = 0;
    const auto address = reinterpret_cast<uintptr_t>(memory);
    if (std::sscanf(line, "%lx-%lx ", &start, &end) == 2)
      around = start <= address && address < end;
    if (around && std::strncmp(line, "VmFlags:", 8) == 0) flags = line;
  }
  std::fclose(smaps);
  EXPECT(flags.find(" dd") != std::string::npos);
  EXPECT_EQ(flags.find(" lo") != std::string::npos, statistics.bytes_locked > 0);
}

TEST(past_the_limit_of_locked_memory_it_goes_on_unlocked_and_says_so) {
  ExpectInChild([] {
    LimitLockedMemory(64 * kKilobyte);  // not even one region
    Arena arena;
    std::vector<uint8_t*> chunks;
    for (int i = 0; i < 1000; i++) chunks.push_back(Take(&arena, 17413));
    for (uint8_t* chunk : chunks) std::memset(chunk, 1, 17413);
    EXPECT_EQ(arena.Statistics().bytes_locked, 0U);
    EXPECT(arena.Statistics().bytes_unlocked > 16 * kMegabyte);
    EXPECT_EQ(LockedByTheKernel(), 0U);
    for (uint8_t* chunk : chunks) arena.Free(chunk);
  });
}

TEST(up_to_the_limit_memory_is_locked_and_what_is_released_is_locked_again) {
  if (HardLimit() < 3 * kMegabyte) {
    std::cerr << "  not tested: RLIMIT_MEMLOCK is below 3 MiB here" << std::endl;
    return;
  }
  ExpectInChild([] {
    LimitLockedMemory(3 * kMegabyte);
    Arena arena;
    std::vector<uint8_t*> chunks;
    for (int i = 0; i < 1000; i++) chunks.push_back(Take(&arena, 17413));
    // 256 and 256 and 512 KiB and 1 MiB; then one that fits below the limit, though the next was to
    // be of 2 MiB.
    const ArenaStatistics full = arena.Statistics();
    EXPECT_EQ(full.bytes_locked, 3 * kMegabyte);
    EXPECT_EQ(LockedByTheKernel(), full.bytes_locked);
    EXPECT(full.bytes_unlocked > 0);
    for (uint8_t* chunk : chunks) arena.Free(chunk);
    arena.Trim();
    EXPECT_EQ(arena.Statistics().regions, 1U);
    EXPECT_EQ(arena.Statistics().bytes_unlocked, 0U);

    // A limit that was reached before does not keep later memory from being locked.
    for (int i = 0; i < 120; i++) Take(&arena, 17413);  // fills 2 MiB
    EXPECT_EQ(arena.Statistics().bytes_locked, 2 * kMegabyte);
    EXPECT_EQ(arena.Statistics().bytes_unlocked, 0U);
  });
}

TEST(s2n_works_below_a_limit_of_locked_memory_that_stops_it_by_itself) {
  // The library may be in use in this process already, so the connections are what is new in the
  // child.
  const Identity identity = Identity::Rsa(2048);
  tls::ConfigOptions options;
  options.identities = {{tls::CertificateChain::Create(identity.certificate_pem), nullptr}};
  tls::Config::Create(options);
  EXPECT(Arena::Process().Statistics().allocations > 0);
  ExpectInChild([] {
    LimitLockedMemory(64 * kKilobyte);
    std::vector<tls::ConnectionHandle> connections;
    for (int i = 0; i < 500; i++) {
      connections.emplace_back(s2n_connection_new(S2N_SERVER));
      EXPECT(connections.back() != nullptr);
    }
    EXPECT(Arena::Process().Statistics().bytes_unlocked > 0);
  });
}

}  // namespace s2npkey::test
