// Where s2n-tls's memory comes from: keys and plaintext that must not be swapped out, dumped, or
// left behind when freed.
//
// s2n-tls by itself locks every allocation with a system call, which costs a third of a handshake
// and fails at 184 idle connections under the usual limit of 8 MiB. Here few large regions are
// locked, and past the limit unlocked ones follow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "memory/arena_region.h"
#include "memory/arena_size_classes.h"
#include "memory/arena_slab.h"
#include "memory/chain.h"
#include "memory/locked_mapping.h"
#include "memory/spin_lock.h"

namespace s2npkey::memory {

struct ArenaStatistics {
  uint64_t bytes_in_use = 0;    // handed out, as rounded up to chunks
  uint64_t bytes_reserved = 0;  // mapped: bytes_locked + bytes_unlocked
  uint64_t bytes_locked = 0;
  uint64_t bytes_unlocked = 0;  // may be swapped out: RLIMIT_MEMLOCK did not allow more
  uint64_t regions = 0;         // mappings, those of a single large allocation included
  uint64_t allocations = 0;     // live now
  uint64_t lock_taken = 0;      // since the start, by any thread
  uint64_t lock_waited = 0;     // the same, where another thread held it
};

// Any thread. After fork() a child may only exec.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // The one that s2n-tls uses. Never destroyed: process.exit() runs static destructors while engine
  // threads still run.
  static Arena& Process() noexcept;

  // Zeroed, aligned to 16 bytes. `*allocated` is what may be used, `size` or more. Null when the
  // kernel has no memory.
  void* Allocate(size_t size, size_t* allocated) noexcept;

  // Wipes all of the chunk. Null does nothing. Aborts with a message when `memory` is not a live
  // allocation of this arena: going on would hand out the same memory twice.
  void Free(void* memory) noexcept;

  // Bytes of a live allocation that may be used. Aborts as Free does.
  size_t SizeOf(const void* memory) const noexcept;

  // Gives the kernel the memory that nothing lies in now, but not the address space: what is used
  // again is locked again. Takes a system call for each such stretch.
  // Bytes given back.
  size_t Trim() noexcept;

  ArenaStatistics Statistics() const;

 private:
  static constexpr size_t kSmallestRegion = size_t{256} << 10;
  static constexpr size_t kLargestRegion = ArenaRegion::kAlignment;

  // Where a live allocation lies: in a slab, or in a mapping of its own.
  struct Place {
    ArenaSlab* slab;
    size_t size;
  };

  uint8_t* AllocateChunk(size_t class_index);
  uint8_t* AllocateLarge(size_t size);
  Place Find(const uint8_t* memory) const;
  static void Wipe(uint8_t* memory, size_t size) noexcept;
  void Release(const uint8_t* memory, const Place& place);
  ArenaSlab* OpenSlab(size_t class_index);
  ArenaSlab* OpenSlabIn(Chain<ArenaRegion>* regions, size_t class_index) noexcept;
  void CloseSlab(ArenaSlab* slab);
  bool AddLockedRegion();
  bool AddUnlockedRegion();
  void AddRegion(LockedMapping mapping);
  void DropRegion(ArenaRegion* region);
  size_t NextRegionSize() const noexcept;
  bool TryLock(LockedMapping* mapping) noexcept;
  void Count(const LockedMapping& mapping) noexcept;
  void Discount(const LockedMapping& mapping) noexcept;
  ArenaRegion* RegionAround(const uint8_t* address) const;
  Chain<ArenaRegion>* ChainOf(const ArenaRegion& region) noexcept {
    return region.mapping().locked() ? &locked_with_room_ : &unlocked_with_room_;
  }

  mutable SpinLock lock_;
  ArenaStatistics statistics_;
  std::unordered_map<uintptr_t, std::unique_ptr<ArenaRegion>> regions_;  // by address / kAlignment
  std::unordered_map<uintptr_t, LockedMapping> large_;                   // by address
  Chain<ArenaRegion> locked_with_room_;  // the empty one last, so that others fill up before
  Chain<ArenaRegion> unlocked_with_room_;
  std::array<Chain<ArenaSlab>, kArenaSizeClasses.size()>
      slabs_with_room_;                    // by class; locked ones first
  ArenaRegion* spare_ = nullptr;           // the one empty region that is kept
  mutable ArenaRegion* recent_ = nullptr;  // found last
  size_t too_large_to_lock_ =
      SIZE_MAX;  // what failed to be locked, until something locked is released
};

}  // namespace s2npkey::memory
