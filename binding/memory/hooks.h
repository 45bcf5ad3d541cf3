// Puts the memory of both libraries into the arena. AWS-LC finds its functions by their names.
#pragma once

#include <cstdint>

namespace s2npkey::memory {

// In the shape of s2n_mem_set_callbacks. Any thread.
int AllocateForS2n(void** memory, uint32_t requested, uint32_t* allocated) noexcept;
int FreeForS2n(void* memory, uint32_t size) noexcept;

}  // namespace s2npkey::memory
