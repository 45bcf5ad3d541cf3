// Classifies the first bytes of a client.
#pragma once

#include <cstddef>
#include <cstdint>

namespace s2npkey::engine {

enum class Opening : uint8_t {
  kTls,        // a client hello, as far as it has arrived
  kHttp,       // a request without TLS
  kUndecided,  // not enough bytes yet
  kNoHello,    // a TLS record with other content
  kUnknown,
};

// RFC 8446 section 5.1
constexpr uint8_t kHandshakeRecord = 22;

// How much of a client hello must arrive before memory for s2n is allocated. The limit is low
// because a Unix socket's buffer is full after 280 writes, even of one byte each.
constexpr size_t kEnoughOfHello = 128;

// Needs at least one byte.
Opening OpeningOf(const uint8_t* bytes, size_t length);

}  // namespace s2npkey::engine
