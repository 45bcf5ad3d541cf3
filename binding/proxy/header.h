// What a PROXY protocol header says (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace s2npkey::proxy {

// Version 1: a line of at most 107 bytes, its CRLF included.
constexpr size_t kLongestLine = 107;
// Version 2 could announce 65,551 bytes. Balancers send some hundred; with a client's facts of TLS,
// a thousand.
constexpr size_t kLongestHeader = 4096;

enum class Transport : uint8_t {
  kUnknown,  // UNKNOWN, UNSPEC, a datagram's, or of a LOCAL command: the header has no addresses
  kTcp4,
  kTcp6,
  kUnix,
};

struct Endpoint {
  std::string host;  // as inet_ntop writes it; a Unix socket's path
  uint16_t port = 0;
};

struct Header {
  uint8_t version = 0;  // 1 or 2
  bool local = false;   // the balancer's own connection, such as a health check
  Transport transport = Transport::kUnknown;
  Endpoint source;
  Endpoint destination;
  // Version 2: type, length in two bytes, value, and so on, well-formed.
  std::vector<uint8_t> tlvs;
};

// Types of TLVs whose values have a form that is checked.
constexpr uint8_t kTypeCrc32c = 0x03;
constexpr uint8_t kTypeUniqueId = 0x05;
constexpr uint8_t kTypeSsl = 0x20;
constexpr size_t kLongestUniqueId = 128;
// Of the SSL type: a byte of flags and the result of the verification, before TLVs of its own.
constexpr size_t kSslPrefix = 5;

}  // namespace s2npkey::proxy
