#include "memory/arena.h"

#include <openssl/mem.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "memory/sanitizer.h"

namespace s2npkey::memory {

namespace {

// Bytes: less than looking for their place once more would take.
constexpr size_t kWipedAtOnce = 1024;

[[noreturn]] void AbortOverFree(const void* memory) {
  std::fprintf(
      stderr,
      "s2n-pkey: arena: %p was freed, but is not allocated: freed twice, or never from here\n",
      memory);
  std::abort();
}

uintptr_t KeyOf(const uint8_t* address) {
  return reinterpret_cast<uintptr_t>(address) / ArenaRegion::kAlignment;
}

// Holds an arena and does not destroy it.
union Immortal {
  Immortal() : arena() {}
  ~Immortal() {}
  Arena arena;
};

}  // namespace

Arena& Arena::Process() noexcept {
  static Immortal immortal;
  return immortal.arena;
}

void* Arena::Allocate(size_t size, size_t* allocated) noexcept {
  uint8_t* memory = nullptr;
  size_t usable = 0;
  try {
    if (size <= kLargestArenaChunk) {
      const size_t class_index = ArenaClassOfSize(size);
      memory = AllocateChunk(class_index);
      usable = kArenaSizeClasses[class_index].size;
    } else {
      memory = AllocateLarge(size);
      usable = size;
    }
  } catch (const std::bad_alloc&) {  // for what describes the memory
    return nullptr;
  }
  if (!memory) return nullptr;
  // What lies past the size asked for is given away too, which saves s2n's growing buffers a copy;
  // but under AddressSanitizer, which is then told where the buffer ends.
  if (sanitizer::kAddress) usable = size;
  sanitizer::Unpoison(memory, usable);
  *allocated = usable;
  return memory;
}

void Arena::Free(void* memory) noexcept {
  if (!memory) return;
  auto* bytes = static_cast<uint8_t*>(memory);
  Place place{};
  {
    const std::lock_guard<SpinLock> lock(lock_);
    place = Find(bytes);
    if (place.size <= kWipedAtOnce) {
      Wipe(bytes, place.size);
      return Release(bytes, place);
    }
  }
  // Without the lock, since it takes the longest. The chunk stays ours until it is released.
  Wipe(bytes, place.size);
  const std::lock_guard<SpinLock> lock(lock_);
  // Another thread may have freed the same chunk meanwhile.
  if (place.slab && !place.slab->Holds(bytes)) AbortOverFree(memory);
  Release(bytes, place);
}

void Arena::Wipe(uint8_t* memory, size_t size) noexcept {
  sanitizer::Unpoison(memory, size);
  OPENSSL_cleanse(memory, size);
  sanitizer::Poison(memory, size);
}

size_t Arena::SizeOf(const void* memory) const noexcept {
  const std::lock_guard<SpinLock> lock(lock_);
  return Find(static_cast<const uint8_t*>(memory)).size;
}

size_t Arena::Trim() noexcept {
  const std::lock_guard<SpinLock> lock(lock_);
  for (Chain<ArenaSlab>& with_room : slabs_with_room_) {
    ArenaSlab* next = nullptr;
    for (ArenaSlab* slab = with_room.front(); slab; slab = next) {
      next = slab->next;
      if (!slab->Empty()) continue;
      with_room.Remove(slab);
      CloseSlab(slab);
    }
  }
  size_t given_back = 0;
  for (Chain<ArenaRegion>* regions : {&locked_with_room_, &unlocked_with_room_}) {
    for (ArenaRegion* region = regions->front(); region; region = region->next)
      given_back += region->Trim();
  }
  return given_back;
}

ArenaStatistics Arena::Statistics() const {
  const std::lock_guard<SpinLock> lock(lock_);
  ArenaStatistics statistics = statistics_;
  statistics.lock_taken = lock_.taken();
  statistics.lock_waited = lock_.waited();
  return statistics;
}

uint8_t* Arena::AllocateChunk(size_t class_index) {
  const std::lock_guard<SpinLock> lock(lock_);
  Chain<ArenaSlab>& with_room = slabs_with_room_[class_index];
  ArenaSlab* slab = with_room.front();
  if (!slab) {
    slab = OpenSlab(class_index);
    if (!slab) return nullptr;
    with_room.PushFront(slab);
  }
  uint8_t* chunk = slab->Take();
  if (slab->Full()) with_room.Remove(slab);
  statistics_.bytes_in_use += slab->size_class().size;
  statistics_.allocations++;
  return chunk;
}

uint8_t* Arena::AllocateLarge(size_t size) {
  const std::lock_guard<SpinLock> lock(lock_);
  std::optional<LockedMapping> mapping = LockedMapping::Map(size, 1);
  if (!mapping) return nullptr;
  TryLock(&*mapping);
  const auto [position, added] =
      large_.emplace(reinterpret_cast<uintptr_t>(mapping->data()), std::move(*mapping));
  const LockedMapping& kept = position->second;
  Count(kept);
  statistics_.bytes_in_use += kept.size();
  statistics_.allocations++;
  return kept.data();
}

Arena::Place Arena::Find(const uint8_t* memory) const {
  if (ArenaRegion* region = RegionAround(memory)) {
    ArenaSlab* slab = region->SlabAround(memory);
    if (!slab || !slab->Holds(memory)) AbortOverFree(memory);
    return {slab, slab->size_class().size};
  }
  const auto large = large_.find(reinterpret_cast<uintptr_t>(memory));
  if (large == large_.end()) AbortOverFree(memory);
  return {nullptr, large->second.size()};
}

void Arena::Release(const uint8_t* memory, const Place& place) {
  statistics_.bytes_in_use -= place.size;
  statistics_.allocations--;
  if (!place.slab) {
    const auto large = large_.find(reinterpret_cast<uintptr_t>(memory));
    if (large == large_.end()) AbortOverFree(memory);
    Discount(large->second);
    large_.erase(large);
    return;
  }
  ArenaSlab* slab = place.slab;
  Chain<ArenaSlab>& with_room = slabs_with_room_[slab->class_index()];
  const bool was_full = slab->Full();
  slab->Return(memory);
  if (was_full) {
    if (slab->region->mapping().locked()) {
      with_room.PushFront(slab);
    } else {
      with_room.PushBack(slab);
    }
  }
  // The last one of its class stays open until Trim(): most of a handshake's chunks are the only
  // ones of their size, and go as soon as they have come. But nothing stays in unlocked memory
  // where locked memory has room.
  const bool surpassed = !slab->region->mapping().locked() && locked_with_room_.front();
  if (slab->Empty() && (slab->previous || slab->next || surpassed)) {
    with_room.Remove(slab);
    CloseSlab(slab);
  }
}

ArenaSlab* Arena::OpenSlab(size_t class_index) {
  ArenaSlab* slab = OpenSlabIn(&locked_with_room_, class_index);
  if (!slab && AddLockedRegion()) slab = OpenSlabIn(&locked_with_room_, class_index);
  if (!slab) slab = OpenSlabIn(&unlocked_with_room_, class_index);
  if (!slab && AddUnlockedRegion()) slab = OpenSlabIn(&unlocked_with_room_, class_index);
  return slab;
}

ArenaSlab* Arena::OpenSlabIn(Chain<ArenaRegion>* regions, size_t class_index) noexcept {
  for (ArenaRegion* region = regions->front(); region; region = region->next) {
    ArenaSlab* slab = region->OpenSlab(class_index);
    if (!slab) continue;
    if (region->Full()) regions->Remove(region);
    if (region == spare_) spare_ = nullptr;
    return slab;
  }
  return nullptr;
}

void Arena::CloseSlab(ArenaSlab* slab) {
  ArenaRegion* region = slab->region;
  Chain<ArenaRegion>* chain = ChainOf(*region);
  if (!region->Full()) chain->Remove(region);
  region->CloseSlab(slab);
  if (!region->Empty()) {
    chain->PushFront(region);
    return;
  }
  chain->PushBack(region);
  ArenaRegion* kept = spare_ && spare_->mapping().locked() ? spare_ : region;
  ArenaRegion* superfluous = kept == region ? spare_ : region;
  spare_ = kept;
  if (superfluous) DropRegion(superfluous);
}

// Rather a small region that can be locked than a large one that cannot.
bool Arena::AddLockedRegion() {
  for (size_t size = NextRegionSize(); size >= kSmallestRegion; size /= 2) {
    if (size >= too_large_to_lock_) continue;
    std::optional<LockedMapping> mapping = LockedMapping::Map(size, ArenaRegion::kAlignment);
    if (!mapping) return false;
    if (!TryLock(&*mapping)) continue;
    AddRegion(std::move(*mapping));
    return true;
  }
  return false;
}

bool Arena::AddUnlockedRegion() {
  std::optional<LockedMapping> mapping =
      LockedMapping::Map(NextRegionSize(), ArenaRegion::kAlignment);
  if (!mapping) return false;
  AddRegion(std::move(*mapping));
  return true;
}

void Arena::AddRegion(LockedMapping mapping) {
  const uintptr_t key = KeyOf(mapping.data());
  auto owned = std::make_unique<ArenaRegion>(std::move(mapping));
  ArenaRegion* region = regions_.emplace(key, std::move(owned)).first->second.get();
  sanitizer::Poison(region->mapping().data(), region->mapping().size());
  Count(region->mapping());
  ChainOf(*region)->PushFront(region);
}

void Arena::DropRegion(ArenaRegion* region) {
  ChainOf(*region)->Remove(region);
  if (recent_ == region) recent_ = nullptr;
  Discount(region->mapping());
  regions_.erase(KeyOf(region->mapping().data()));
}

// As much as there is already, so that regions stay few.
size_t Arena::NextRegionSize() const noexcept {
  size_t size = kSmallestRegion;
  while (size < kLargestRegion && size < statistics_.bytes_reserved) size *= 2;
  return size;
}

bool Arena::TryLock(LockedMapping* mapping) noexcept {
  if (mapping->size() >= too_large_to_lock_) return false;
  if (mapping->Lock()) return true;
  too_large_to_lock_ = mapping->size();
  return false;
}

void Arena::Count(const LockedMapping& mapping) noexcept {
  statistics_.regions++;
  statistics_.bytes_reserved += mapping.size();
  (mapping.locked() ? statistics_.bytes_locked : statistics_.bytes_unlocked) += mapping.size();
}

void Arena::Discount(const LockedMapping& mapping) noexcept {
  statistics_.regions--;
  statistics_.bytes_reserved -= mapping.size();
  (mapping.locked() ? statistics_.bytes_locked : statistics_.bytes_unlocked) -= mapping.size();
  if (mapping.locked()) too_large_to_lock_ = SIZE_MAX;
}

ArenaRegion* Arena::RegionAround(const uint8_t* address) const {
  if (recent_ && recent_->Contains(address)) return recent_;
  const auto found = regions_.find(KeyOf(address));
  // A small region leaves room for other mappings before the next multiple of its alignment.
  if (found == regions_.end() || !found->second->Contains(address)) return nullptr;
  recent_ = found->second.get();
  return recent_;
}

}  // namespace s2npkey::memory
