// Initializes s2n-tls once for each process, before any other use of binding/tls.
#pragma once

namespace s2npkey::tls {

// Call it from any thread, any number of times: worker threads load the addon again. Throws Error
// ERR_S2N_PKEY_LIBRARY. It is never undone, because other environments may still use s2n-tls.
void InitializeLibrary();

// Each thread that used s2n calls this before it ends, to free the thread's random state.
void CleanupThread();

}  // namespace s2npkey::tls
