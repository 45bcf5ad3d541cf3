// The load generator's command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace s2npkey::bench {

enum class Scenario { kHandshakes, kStorm, kRequests, kEcho, kBulkDown, kBulkUp, kIdle };

struct Options {
  Scenario scenario = Scenario::kHandshakes;
  uint16_t port = 0;
  size_t connections = 16;
  size_t kept = 8;  // connections of a storm that are not its handshakes
  double seconds = 1;
  size_t bytes = 13;  // of a body, a message, or a write
  bool upload = false;
  bool resume = false;
  bool tls = true;
  // A named policy of s2n-tls. 20240503: TLS 1.3 only, a share of P-256 first, nothing
  // post-quantum.
  std::string policy = "20240503";
};

extern const char* const kUsage;

// Throws std::invalid_argument, with what is wrong.
Options ParseOptions(int count, char** arguments);

}  // namespace s2npkey::bench
