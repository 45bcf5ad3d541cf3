// A large mapping of the arena, handed out in slabs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "memory/arena_slab.h"
#include "memory/locked_mapping.h"

namespace s2npkey::memory {

// Begins at a multiple of kAlignment and is no larger, so that a chunk's address names its region.
// Guarded by the arena's lock.
class ArenaRegion {
 public:
  static constexpr size_t kAlignment = size_t{4} << 20;

  // Throws std::bad_alloc.
  explicit ArenaRegion(LockedMapping mapping)
      : mapping_(std::move(mapping)),
        slabs_(mapping_.size() / kArenaUnit),
        all_(Bits(slabs_.size())),
        free_(all_) {}

  // A new slab for chunks of this class; null when there is no room for one.
  ArenaSlab* OpenSlab(size_t class_index) noexcept {
    const size_t units = kArenaSizeClasses[class_index].units;
    const uint64_t candidates = units == 1 ? free_ : FreeQuadruples();
    if (candidates == 0) return nullptr;
    // A single unit rather comes from a quadruple that is broken already.
    const uint64_t broken = free_ & ~(FreeQuadruples() * kQuadruple);
    const auto unit =
        static_cast<size_t>(__builtin_ctzll(units == 1 && broken ? broken : candidates));
    free_ &= ~(Bits(units) << unit);
    used_ |= Bits(units) << unit;
    ArenaSlab* slab = &slabs_[unit];
    slab->Open(this, mapping_.data() + unit * kArenaUnit, class_index);
    return slab;
  }

  void CloseSlab(const ArenaSlab* slab) noexcept {
    free_ |= Bits(slab->size_class().units) << UnitOf(slab->base());
  }

  // Gives the pages of free units back to the kernel. Bytes given back.
  size_t Trim() noexcept {
    size_t given_back = 0;
    uint64_t idle = used_ & free_;
    while (idle != 0) {
      const auto first = static_cast<size_t>(__builtin_ctzll(idle));
      const uint64_t above = ~(idle >> first);
      const size_t units = above == 0 ? 64 : static_cast<size_t>(__builtin_ctzll(above));
      const uint64_t run = Bits(units) << first;
      idle &= ~run;
      if (!mapping_.Discard(first * kArenaUnit, units * kArenaUnit)) continue;
      used_ &= ~run;
      given_back += units * kArenaUnit;
    }
    return given_back;
  }

  bool Contains(const uint8_t* address) const noexcept {
    return address >= mapping_.data() && address < mapping_.data() + mapping_.size();
  }

  // The slab around an address that the region Contains(); null where there is none.
  ArenaSlab* SlabAround(const uint8_t* address) noexcept {
    size_t unit = UnitOf(address);
    if ((free_ >> unit & 1) != 0) return nullptr;
    // A unit inside a large slab has no slab of its own open: the large one begins at the
    // quadruple's first unit.
    const size_t first = unit / kArenaUnitsOfLargeSlab * kArenaUnitsOfLargeSlab;
    if ((free_ >> first & 1) == 0 && slabs_[first].size_class().units == kArenaUnitsOfLargeSlab)
      unit = first;
    return &slabs_[unit];
  }

  bool Empty() const noexcept { return free_ == all_; }
  bool Full() const noexcept { return free_ == 0; }
  const LockedMapping& mapping() const noexcept { return mapping_; }

  // Links in the arena's chain of regions that have room.
  ArenaRegion* previous = nullptr;
  ArenaRegion* next = nullptr;

 private:
  static constexpr uint64_t kQuadruple = 0xf;

  static constexpr uint64_t Bits(size_t count) {
    return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  }

  size_t UnitOf(const uint8_t* address) const noexcept {
    return static_cast<size_t>(address - mapping_.data()) / kArenaUnit;
  }

  // The first bit of each aligned run of four free units.
  uint64_t FreeQuadruples() const noexcept {
    return free_ & free_ >> 1 & free_ >> 2 & free_ >> 3 & 0x1111111111111111;
  }

  LockedMapping mapping_;
  std::vector<ArenaSlab> slabs_;  // by unit; those at a slab's first unit are open
  const uint64_t all_;
  uint64_t free_;      // a bit a unit
  uint64_t used_ = 0;  // those that have pages: open ones, and ones that were open since Trim()
};

}  // namespace s2npkey::memory
