#include "memory/locked_mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "memory/sanitizer.h"

namespace s2npkey::memory {

namespace {

// As in the headers of Linux 5.18.
constexpr int kDiscardLocked = 24;  // MADV_DONTNEED_LOCKED

size_t RoundUp(size_t size, size_t multiple) { return (size + multiple - 1) / multiple * multiple; }

}  // namespace

std::optional<LockedMapping> LockedMapping::Map(size_t size, size_t alignment) noexcept {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t wanted = RoundUp(size, page);
  // Room to place an aligned part anywhere in it; what lies before and after goes back at once.
  const size_t reserved = alignment > page ? wanted + alignment : wanted;
  if (wanted < size || reserved < wanted) return std::nullopt;
  void* mapped =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return std::nullopt;
  auto* start = static_cast<uint8_t*>(mapped);
  uint8_t* data = start;
  if (reserved > wanted) {
    data +=
        RoundUp(reinterpret_cast<uintptr_t>(start), alignment) - reinterpret_cast<uintptr_t>(start);
    if (data > start) munmap(start, static_cast<size_t>(data - start));
    const auto after = static_cast<size_t>(start + reserved - (data + wanted));
    if (after > 0) munmap(data + wanted, after);
  }
#if defined(MADV_DONTDUMP)
  madvise(data, wanted, MADV_DONTDUMP);  // fails only on kernels without it
#endif
  return LockedMapping(data, wanted);
}

LockedMapping::LockedMapping(uint8_t* data, size_t size) noexcept : data_(data), size_(size) {
  sanitizer::RegisterRoots(data_, size_);
}

LockedMapping::LockedMapping(LockedMapping&& other) noexcept
    : data_(other.data_), size_(other.size_), locked_(other.locked_) {
  other.data_ = nullptr;
}

LockedMapping::~LockedMapping() {
  if (!data_) return;
  sanitizer::UnregisterRoots(data_, size_);
  sanitizer::Unpoison(data_, size_);
  munmap(data_, size_);  // unlocks as well
}

bool LockedMapping::Lock() noexcept {
  if (locked_) return true;
#if defined(MLOCK_ONFAULT)
  // Each page is locked when it is first used, so that a large region costs only the memory that is
  // used.
  locked_ = mlock2(data_, size_, MLOCK_ONFAULT) == 0;
  if (locked_) return true;
  if (errno == ENOSYS || errno == EINVAL || errno == EPERM) locked_ = mlock(data_, size_) == 0;
#else
  locked_ = mlock(data_, size_) == 0;
#endif
  return locked_;
}

bool LockedMapping::Discard(size_t offset, size_t length) const noexcept {
  return madvise(data_ + offset, length, locked_ ? kDiscardLocked : MADV_DONTNEED) == 0;
}

}  // namespace s2npkey::memory
