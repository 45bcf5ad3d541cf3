// What AddressSanitizer and LeakSanitizer must be told about memory that does not come from malloc;
// nothing in other builds.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define S2NPKEY_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define S2NPKEY_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(S2NPKEY_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace s2npkey::memory::sanitizer {

#if defined(S2NPKEY_ADDRESS_SANITIZER)

inline constexpr bool kAddress = true;

// Any access from now on is reported.
inline void Poison(const void* data, size_t size) { __asan_poison_memory_region(data, size); }
inline void Unpoison(const void* data, size_t size) { __asan_unpoison_memory_region(data, size); }
// What is reachable from here only is not a leak.
inline void RegisterRoots(const void* data, size_t size) {
  __lsan_register_root_region(data, size);
}
inline void UnregisterRoots(const void* data, size_t size) {
  __lsan_unregister_root_region(data, size);
}

#else

inline constexpr bool kAddress = false;

inline void Poison(const void*, size_t) {}
inline void Unpoison(const void*, size_t) {}
inline void RegisterRoots(const void*, size_t) {}
inline void UnregisterRoots(const void*, size_t) {}

#endif

}  // namespace s2npkey::memory::sanitizer
