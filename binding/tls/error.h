// Errors of the TLS layer: what s2n-tls or AWS-LC said, copied before the next call overwrites it.
#pragma once

#include <stdexcept>
#include <string>

namespace keyless::tls {

// Thrown where something is set up (a configuration, a key); never on an engine thread's hot path.
// `code` is a stable `ERR_S2N_PKEY_…` and becomes the JavaScript error's `code`.
class Error : public std::runtime_error {
 public:
  Error(const char* error_code, const std::string& message)
      : std::runtime_error(message), code_(error_code) {}

  const char* code() const noexcept { return code_; }

 private:
  const char* code_;  // a string literal
};

}  // namespace keyless::tls
