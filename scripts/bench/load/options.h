// The load generator's command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace keyless::bench {

enum class Scenario { kHandshakes, kRequests };

struct Options {
  Scenario scenario = Scenario::kHandshakes;
  uint16_t port = 0;
  size_t connections = 16;
  double seconds = 1;
  bool tls = true;
  // A named policy of s2n-tls. 20240503: TLS 1.3 only, a share of P-256 first, nothing
  // post-quantum.
  std::string policy = "20240503";
};

extern const char* const kUsage;

// Throws std::invalid_argument, with what is wrong.
Options ParseOptions(int count, char** arguments);

}  // namespace keyless::bench
