#include "exchange.h"

#include <algorithm>

#include "connection.h"

namespace s2npkey::bench {

namespace {

constexpr size_t kMebibyte = size_t{1} << 20;
constexpr size_t kBulk = 4 * kMebibyte;

// A masked binary frame (RFC 6455, 5.2); the mask is zero, which the server applies all the same.
std::string MaskedFrame(size_t length) {
  std::string frame("\x82");
  const auto byte = [&](size_t value) { frame.push_back(static_cast<char>(value & 0xff)); };
  if (length < 126) {
    byte(0x80 | length);
  } else if (length < 65536) {
    byte(0x80 | 126);
    byte(length >> 8);
    byte(length);
  } else {
    byte(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) byte(length >> shift);
  }
  frame.append(4, '\0');
  return frame.append(length, 'w');
}

size_t UnmaskedFrameLength(size_t length) {
  return length + (length < 126 ? 2 : length < 65536 ? 4 : 10);
}

}  // namespace

Exchange Exchange::Of(const Options& options) {
  Exchange exchange;
  const std::string size = std::to_string(options.bytes);
  switch (options.scenario) {
    case Scenario::kEcho:
      exchange.opening =
          "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: c2FtcGxlLWtleS0xNi1ieQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
      exchange.request = MaskedFrame(options.bytes);
      exchange.answer = UnmaskedFrameLength(options.bytes);
      break;
    case Scenario::kBulkDown:  // the server's stream service: see scripts/bench/services.mjs
      exchange.request = "D" + size + "\n";
      exchange.answer = kBulk;
      exchange.units = kBulk / kMebibyte;
      break;
    case Scenario::kBulkUp:
      exchange.request = "U" + size + "\n" + std::string(kBulk, 'u');
      exchange.write = options.bytes;
      exchange.answer = 1;
      exchange.units = kBulk / kMebibyte;
      break;
    default:
      if (options.upload) {
        exchange.request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + size +
                           "\r\n\r\n" + std::string(options.bytes, 'u');
      } else {
        exchange.request = "GET /" + size + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
      }
  }
  return exchange;
}

void Dialogue::Start(std::string_view request, size_t write, size_t answer) {
  outgoing_ = request;
  write_ = write;
  answer_ = answer;
  received_ = 0;
}

bool Dialogue::Advance(Connection& connection, char* buffer, size_t size) {
  while (!outgoing_.empty()) {
    const size_t sent = connection.Send(write_ ? outgoing_.substr(0, write_) : outgoing_);
    if (sent == 0) return false;
    outgoing_.remove_prefix(sent);
  }
  for (;;) {
    const size_t taken = connection.Receive(buffer, size);
    if (taken == 0) return false;
    if (answer_ == 0) {
      if (reader_.Take({buffer, taken})) return true;
      continue;
    }
    received_ += taken;
    if (received_ > answer_) throw LoadError("more bytes than the answer has came");
    // The answer was the last the server had to say, so what comes next is an edge: no need to read
    // until blocked.
    if (received_ == answer_) return true;
  }
}

}  // namespace s2npkey::bench
