#include "tls/library.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>

#include "s2n.h"
#include "tls/arena.h"
#include "tls/error.h"
#include "tls/sanitizer.h"
#include "unstable/cleanup.h"

namespace keyless::tls {

namespace {

// s2n's memory callbacks: 0 or less than 0, as s2n wants it.

int NothingToDo() { return 0; }

// Without memory it succeeds with none: s2n calls that S2N_ERR_ALLOC, while after a callback's
// failure s2n_errno is whatever it was before, often that a read would block, and the connection
// waits for ever (s2n_realloc).
int Allocate(void** memory, uint32_t requested, uint32_t* allocated) {
  size_t usable = 0;
  *memory = Arena::Process().Allocate(requested, &usable);
  *allocated = static_cast<uint32_t>(usable);  // a chunk, or what was requested
  return 0;
}

// The size is what was allocated or what was asked for, depending on the caller: the arena knows by
// itself.
int Free(void* memory, uint32_t) {
  Arena::Process().Free(memory);
  return 0;
}

}  // namespace

void InitializeLibrary() {
  static std::once_flag once;
  static const char* failure = nullptr;
  std::call_once(once, [] {
    // Engine threads may still run when the process exits.
    if (s2n_disable_atexit() != S2N_SUCCESS ||
        s2n_mem_set_callbacks(NothingToDo, NothingToDo, Allocate, Free) != S2N_SUCCESS ||
        s2n_init() != S2N_SUCCESS) {
      failure = s2n_strerror(s2n_errno, "EN");
    }
  });
  if (failure)
    throw Error("ERR_S2N_PKEY_LIBRARY",
                std::string("s2n-tls could not be initialised: ") + failure);
}

void CleanupThread() { s2n_cleanup_thread(); }

}  // namespace keyless::tls

// AWS-LC's own memory, by the functions that its crypto/mem.c looks for: the keys of an open
// connection's records are there, and a local key. In this file, since a linker takes nothing from
// a library for the sake of a weak reference.
extern "C" {

void* OPENSSL_memory_alloc(size_t size);
void OPENSSL_memory_free(void* memory);
size_t OPENSSL_memory_get_size(void* memory);
void* OPENSSL_memory_realloc(void* memory, size_t size);

void* OPENSSL_memory_alloc(size_t size) {
  size_t usable = 0;
  return keyless::tls::Arena::Process().Allocate(size, &usable);
}

void OPENSSL_memory_free(void* memory) { keyless::tls::Arena::Process().Free(memory); }

size_t OPENSSL_memory_get_size(void* memory) {
  return keyless::tls::Arena::Process().SizeOf(memory);
}

void* OPENSSL_memory_realloc(void* memory, size_t size) {
  void* larger = OPENSSL_memory_alloc(size);
  if (!larger) return nullptr;
  const size_t before = OPENSSL_memory_get_size(memory);
  keyless::tls::sanitizer::Unpoison(memory, before);
  std::memcpy(larger, memory, std::min(before, size));
  OPENSSL_memory_free(memory);
  return larger;
}

}  // extern "C"
