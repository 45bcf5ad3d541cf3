// Memory straight from the kernel that is not swapped out and is left out of core dumps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace s2npkey::memory {

// Owns one mapping; zero when new. One thread at a time.
class LockedMapping {
 public:
  // Not locked yet. `size` in bytes, rounded up to whole pages; `alignment` is a power of two.
  // Nothing when the kernel refuses.
  static std::optional<LockedMapping> Map(size_t size, size_t alignment) noexcept;

  LockedMapping(LockedMapping&& other) noexcept;
  LockedMapping& operator=(LockedMapping&&) = delete;
  LockedMapping(const LockedMapping&) = delete;
  LockedMapping& operator=(const LockedMapping&) = delete;
  ~LockedMapping();

  // False past RLIMIT_MEMLOCK; the memory is usable all the same.
  bool Lock() noexcept;

  // Gives the pages of a part back to the kernel; they are zero, and as locked as before, when they
  // are used again. False where the kernel cannot (Linux before 5.18, for locked ones).
  bool Discard(size_t offset, size_t length) const noexcept;

  uint8_t* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }
  bool locked() const noexcept { return locked_; }

 private:
  LockedMapping(uint8_t* data, size_t size) noexcept;

  uint8_t* data_;
  size_t size_;
  bool locked_ = false;
};

}  // namespace s2npkey::memory
