// s2n-tls itself: initialised once a process, before anything else of binding/tls is used.
#pragma once

namespace s2npkey::tls {

// Any thread, any number of times (worker threads load the addon again). Throws Error
// ERR_S2N_PKEY_LIBRARY. Never undone: s2n_cleanup_final is for the end of the process, and other
// environments may still use it.
void InitializeLibrary();

// By each thread that used s2n, before it ends: s2n keeps random state by thread.
void CleanupThread();

}  // namespace s2npkey::tls
