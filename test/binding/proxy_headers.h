// PROXY protocol headers as balancers send them, and as they must not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/crc32c.h"

namespace s2npkey::test {

inline std::string ProxyTlv(int type, std::string_view value) {
  std::string tlv;
  tlv += static_cast<char>(type);
  tlv += static_cast<char>(value.size() >> 8);
  tlv += static_cast<char>(value.size());
  return tlv.append(value);
}

// `version_and_command`: 0x20 is LOCAL, 0x21 PROXY; `family`: 0x11 is TCP over IPv4.
inline std::string ProxyHeader(int version_and_command, int family, const std::string& block) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(version_and_command);
  header += static_cast<char>(family);
  header += static_cast<char>(block.size() >> 8);
  header += static_cast<char>(block.size());
  return header + block;
}

// From 192.0.2.7 port 56324 to 198.51.100.9 port 443.
inline std::string ProxyAddresses4() {
  return std::string("\xc0\x00\x02\x07\xc6\x33\x64\x09\xdc\x04\x01\xbb", 12);
}

inline std::string ProxyHeader4(const std::string& tlvs = "") {
  return ProxyHeader(0x21, 0x11, ProxyAddresses4() + tlvs);
}

// With a checksum, and `flipped` a bit of it.
inline std::string ProxyHeaderWithChecksum(const std::string& tlvs, bool flipped = false) {
  std::string header = ProxyHeader4(ProxyTlv(0x03, std::string(4, '\0')) + tlvs);
  const uint32_t crc =
      proxy::Crc32c(reinterpret_cast<const uint8_t*>(header.data()), header.size()) ^
      (flipped ? 1U : 0U);
  for (size_t i = 0; i < 4; i++) header[16 + 12 + 3 + i] = static_cast<char>(crc >> (24 - 8 * i));
  return header;
}

constexpr char kProxyLine[] = "PROXY TCP4 192.0.2.7 198.51.100.9 56324 443\r\n";

}  // namespace s2npkey::test
