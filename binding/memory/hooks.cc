#include "memory/hooks.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "memory/arena.h"
#include "memory/sanitizer.h"

namespace s2npkey::memory {

// Reports success even without memory. s2n then fails with S2N_ERR_ALLOC. After a failure of the
// callback it keeps the s2n_errno of before, often that a read would block, and the connection
// waits for ever (s2n_realloc).
int AllocateForS2n(void** memory, uint32_t requested, uint32_t* allocated) noexcept {
  size_t usable = 0;
  *memory = Arena::Process().Allocate(requested, &usable);
  *allocated = static_cast<uint32_t>(usable);  // a chunk, or what was requested
  return 0;
}

// Some callers pass the size they asked for, others the size they got. The arena needs neither.
int FreeForS2n(void* memory, uint32_t) noexcept {
  Arena::Process().Free(memory);
  return 0;
}

}  // namespace s2npkey::memory

// AWS-LC's crypto/mem.c calls these where they exist: the keys of an open connection's records lie
// there, and a local key. They share a file with the functions above because a linker takes no
// object from a library for a weak reference alone.
extern "C" {

void* OPENSSL_memory_alloc(size_t size);
void OPENSSL_memory_free(void* memory);
size_t OPENSSL_memory_get_size(void* memory);
void* OPENSSL_memory_realloc(void* memory, size_t size);

void* OPENSSL_memory_alloc(size_t size) {
  size_t usable = 0;
  return s2npkey::memory::Arena::Process().Allocate(size, &usable);
}

void OPENSSL_memory_free(void* memory) { s2npkey::memory::Arena::Process().Free(memory); }

size_t OPENSSL_memory_get_size(void* memory) {
  return s2npkey::memory::Arena::Process().SizeOf(memory);
}

void* OPENSSL_memory_realloc(void* memory, size_t size) {
  void* larger = OPENSSL_memory_alloc(size);
  if (!larger) return nullptr;
  const size_t before = OPENSSL_memory_get_size(memory);
  s2npkey::memory::sanitizer::Unpoison(memory, before);
  std::memcpy(larger, memory, std::min(before, size));
  OPENSSL_memory_free(memory);
  return larger;
}

}  // extern "C"
