// Errors of the TLS layer. The message of s2n-tls or AWS-LC is copied before the next call
// overwrites it.
#pragma once

#include <stdexcept>
#include <string>

#include "s2n.h"

namespace s2npkey::tls {

// Thrown while objects such as configurations and keys are created, never while an engine thread
// serves connections. `code` is a stable `ERR_S2N_PKEY_…`, the `code` of the JavaScript error.
class Error : public std::runtime_error {
 public:
  Error(const char* error_code, const std::string& message)
      : std::runtime_error(message), code_(error_code) {}

  const char* code() const noexcept { return code_; }

 private:
  const char* code_;  // a string literal
};

// Throws an Error with the reason of s2n-tls if a call failed.
inline void CheckS2n(int result, const char* code, const std::string& what) {
  if (result == S2N_SUCCESS) return;
  const int error = s2n_errno;
  throw Error(code,
              what + ": " + s2n_strerror(error, "EN") + " (" + s2n_strerror_name(error) + ")");
}

}  // namespace s2npkey::tls
