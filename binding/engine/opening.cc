#include "engine/opening.h"

#include <algorithm>
#include <cstring>

namespace s2npkey::engine {

namespace {

// The first bytes of a plaintext request of HTTP/1 or HTTP/2 (RFC 9113 section 3.4).
constexpr const char* kMethods[] = {"GET ",     "HEAD ",  "POST ",    "PUT ", "DELETE ",
                                    "OPTIONS ", "PATCH ", "CONNECT ", "PRI "};

constexpr size_t kRecordHeader = 5;
constexpr size_t kMessageHeader = 4;
constexpr uint8_t kClientHello = 1;
constexpr uint8_t kVersion = 3;  // the first byte of every version's number since SSL 3.0

// So much of it, or all of it, in however many records.
bool HasEnoughOfHello(const uint8_t* bytes, size_t length) {
  if (length >= kEnoughOfHello) return true;
  uint8_t header[kMessageHeader];
  size_t message = 0;
  while (length >= kRecordHeader) {
    const size_t record = static_cast<size_t>((bytes[3] << 8) | bytes[4]);
    if (length - kRecordHeader < record) return false;
    for (size_t i = 0; i < record && message + i < kMessageHeader; i++)
      header[message + i] = bytes[kRecordHeader + i];
    message += record;
    if (message >= kMessageHeader &&
        message - kMessageHeader >=
            static_cast<size_t>((header[1] << 16) | (header[2] << 8) | header[3]))
      return true;
    bytes += kRecordHeader + record;
    length -= kRecordHeader + record;
  }
  return false;
}

// In the format of SSLv2, which TLS up to 1.2 allows (RFC 5246 appendix E.2).
Opening OpeningOfVersion2(const uint8_t* bytes, size_t length) {
  constexpr size_t kShortest = 9 + 3 + 16;  // a cipher suite, a challenge
  if (length < kRecordHeader) return Opening::kUndecided;
  const size_t message = static_cast<size_t>(((bytes[0] & 0x7f) << 8) | bytes[1]);
  if (message < kShortest || bytes[2] != kClientHello || bytes[3] != kVersion)
    return Opening::kUnknown;
  return length >= std::min(2 + message, kEnoughOfHello) ? Opening::kTls : Opening::kUndecided;
}

}  // namespace

Opening OpeningOf(const uint8_t* bytes, size_t length) {
  if (bytes[0] == kHandshakeRecord) {
    if (length > 1 && bytes[1] != kVersion) return Opening::kUnknown;
    const bool empty = length >= kRecordHeader && bytes[3] == 0 && bytes[4] == 0;
    if (empty || (length > kRecordHeader && bytes[kRecordHeader] != kClientHello))
      return Opening::kNoHello;
    return HasEnoughOfHello(bytes, length) ? Opening::kTls : Opening::kUndecided;
  }
  if (bytes[0] & 0x80) return OpeningOfVersion2(bytes, length);
  for (const char* method : kMethods) {
    const size_t size = std::strlen(method);
    if (std::memcmp(bytes, method, std::min(length, size)) != 0) continue;
    return length >= size ? Opening::kHttp : Opening::kUndecided;
  }
  return Opening::kUnknown;
}

}  // namespace s2npkey::engine
