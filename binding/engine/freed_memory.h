// What the process's malloc does with memory that was freed. Node frees the buffers of a few
// hundred reads at once, whenever V8 collects; with glibc's first threshold of 128 KiB that memory
// goes back to the kernel each time, and its pages come again one fault after the other.
#pragma once

namespace s2npkey::engine {

// From now on up to 32 MiB of it stay with the process, as if the application itself had once freed
// a large buffer: glibc's threshold is twice the largest that was (mallopt(3), M_MMAP_THRESHOLD).
// Whoever sets MALLOC_TRIM_THRESHOLD_ is obeyed; another malloc is not concerned.
void KeepFreedMemory();

}  // namespace s2npkey::engine
