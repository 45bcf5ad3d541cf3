#include "tls/library.h"

#include <mutex>
#include <string>

#include "memory/hooks.h"
#include "s2n.h"
#include "tls/error.h"
#include "unstable/cleanup.h"

namespace s2npkey::tls {

namespace {

int NothingToDo() { return 0; }

}  // namespace

void InitializeLibrary() {
  static std::once_flag once;
  static const char* failure = nullptr;
  std::call_once(once, [] {
    // Engine threads may still run when the process exits.
    if (s2n_disable_atexit() != S2N_SUCCESS ||
        s2n_mem_set_callbacks(NothingToDo, NothingToDo, memory::AllocateForS2n,
                              memory::FreeForS2n) != S2N_SUCCESS ||
        s2n_init() != S2N_SUCCESS) {
      failure = s2n_strerror(s2n_errno, "EN");
    }
  });
  if (failure)
    throw Error("ERR_S2N_PKEY_LIBRARY",
                std::string("s2n-tls could not be initialised: ") + failure);
}

void CleanupThread() { s2n_cleanup_thread(); }

}  // namespace s2npkey::tls
