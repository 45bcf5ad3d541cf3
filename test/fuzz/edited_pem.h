// A PEM text made of a real one by changes that the input asks for: to its bytes before they are
// encoded, where a change to the text would mostly only break the encoding.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "input.h"

namespace s2npkey::fuzz {

// Takes one byte for the number of changes, then three or more a change.
std::string EditedPem(const std::string& pem, Input* input);
// A block with this label around any bytes.
std::string PemBlock(const std::string& label, const std::string& header,
                     const std::vector<uint8_t>& bytes);

}  // namespace s2npkey::fuzz
