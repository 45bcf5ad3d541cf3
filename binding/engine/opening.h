// What a client begins with.
#pragma once

#include <cstddef>
#include <cstdint>

namespace s2npkey::engine {

enum class Opening : uint8_t {
  kTls,        // a client hello, as far as it has come
  kHttp,       // a request without TLS
  kUndecided,  // not enough has come
  kNoHello,    // a record of TLS that holds something else
  kUnknown,
};

// RFC 8446 section 5.1
constexpr uint8_t kHandshakeRecord = 22;

// How much of a client hello must have come before s2n's memory is taken for it. No more, lest it
// never comes: a Unix socket's buffer is full after 280 writes, be they of a byte.
constexpr size_t kEnoughOfHello = 128;

// By the first bytes, at least one.
Opening OpeningOf(const uint8_t* bytes, size_t length);

}  // namespace s2npkey::engine
