// The checksum of PROXY protocol headers (RFC 4960 appendix B).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace s2npkey::proxy {

namespace internal {

constexpr std::array<uint32_t, 256> Crc32cTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}

}  // namespace internal

// `so_far`: the checksum of the bytes before these.
inline uint32_t Crc32c(const uint8_t* bytes, size_t length, uint32_t so_far = 0) {
  static constexpr std::array<uint32_t, 256> kTable = internal::Crc32cTable();
  uint32_t crc = ~so_far;
  for (size_t i = 0; i < length; i++) crc = (crc >> 8) ^ kTable[(crc ^ bytes[i]) & 0xff];
  return ~crc;
}

}  // namespace s2npkey::proxy
