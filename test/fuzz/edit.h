// One change to bytes: some bits flipped, a byte put in or taken away, or several put in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "input.h"

namespace s2npkey::fuzz {

inline void Edit(std::vector<uint8_t>* bytes, Input* input) {
  if (bytes->empty()) return;
  const size_t at = input->Short() % bytes->size();
  const auto position = bytes->begin() + static_cast<std::ptrdiff_t>(at);
  const uint8_t value = input->Byte();
  switch (input->Below(4)) {
    case 0:
      (*bytes)[at] ^= value;
      break;
    case 1:
      bytes->insert(position, value);
      break;
    case 2:
      bytes->erase(position);
      break;
    case 3: {
      const std::vector<uint8_t> inserted = input->Take(value);
      bytes->insert(position, inserted.begin(), inserted.end());
      break;
    }
  }
}

}  // namespace s2npkey::fuzz
