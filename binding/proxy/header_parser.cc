#include "proxy/header_parser.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "proxy/crc32c.h"

namespace s2npkey::proxy {

namespace {

constexpr char kLineSignature[] = {'P', 'R', 'O', 'X', 'Y', ' '};
constexpr uint8_t kBinarySignature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                        0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr size_t kPrefix =
    16;  // of a binary header: signature, version and command, family, length
constexpr size_t kTlvPrefix = 3;
constexpr size_t kUnixPath = 108;
constexpr size_t kChecksum = 4;

uint16_t ShortAt(const uint8_t* bytes) { return static_cast<uint16_t>((bytes[0] << 8) | bytes[1]); }

// 1: it begins with the signature; 0: it may; -1: it does not.
int Compare(const uint8_t* bytes, size_t length, const void* signature, size_t size) {
  if (std::memcmp(bytes, signature, std::min(length, size)) != 0) return -1;
  return length >= size ? 1 : 0;
}

// Up to the next space, which it takes, too.
std::string_view NextField(std::string_view* line) {
  const size_t space = line->find(' ');
  const std::string_view field = line->substr(0, space);
  line->remove_prefix(space == std::string_view::npos ? line->size() : space + 1);
  return field;
}

// In canonical decimal.
bool ReadPort(std::string_view text, uint16_t* port) {
  if (text.empty() || text.size() > 5 || (text[0] == '0' && text.size() > 1)) return false;
  uint32_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    value = value * 10 + static_cast<uint32_t>(digit - '0');
  }
  *port = static_cast<uint16_t>(value);
  return value <= 65535;
}

std::string HostOf(int family, const uint8_t* address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, address, text, sizeof text);
  return text;
}

// As inet_ntop writes it, so that limits find one client under one name.
bool ReadHost(int family, std::string_view text, std::string* host) {
  uint8_t address[sizeof(in6_addr)];
  const std::string whole(text);
  if (inet_pton(family, whole.c_str(), address) != 1 || whole.size() != std::strlen(whole.c_str()))
    return false;
  *host = HostOf(family, address);
  return true;
}

// An abstract name begins with a null byte.
std::string PathOf(const uint8_t* bytes) {
  const char* path = reinterpret_cast<const char*>(bytes);
  if (path[0] != '\0') return std::string(path, strnlen(path, kUnixPath));
  size_t length = kUnixPath;
  while (length > 0 && path[length - 1] == '\0') length--;
  return std::string(path, length);
}

// Whether they are TLVs to their end.
bool AreTlvs(const uint8_t* bytes, size_t length) {
  while (length > 0) {
    if (length < kTlvPrefix) return false;
    const size_t size = kTlvPrefix + ShortAt(bytes + 1);
    if (size > length) return false;
    bytes += size;
    length -= size;
  }
  return true;
}

}  // namespace

size_t HeaderParser::Feed(const uint8_t* bytes, size_t length) {
  if (length == 0) return 0;
  if (state_ == State::kSignature) FindSignature(bytes, length);
  if (state_ == State::kLine) return FeedLine(bytes, length);
  if (state_ == State::kBinary) return FeedBinary(bytes, length);
  return 0;
}

void HeaderParser::FindSignature(const uint8_t* bytes, size_t length) {
  const int line = Compare(bytes, length, kLineSignature, sizeof kLineSignature);
  const int binary = Compare(bytes, length, kBinarySignature, sizeof kBinarySignature);
  if (line < 0 && binary < 0) {
    state_ = State::kNoHeader;
  } else if (line > 0) {
    state_ = State::kLine;
    bytes_.reserve(kLongestLine);
  } else if (binary > 0) {
    state_ = State::kBinary;
    wanted_ = kPrefix;
    bytes_.reserve(kPrefix);
  }
}

size_t HeaderParser::FeedLine(const uint8_t* bytes, size_t length) {
  const size_t most = std::min(length, kLongestLine - bytes_.size());
  const auto* end = static_cast<const uint8_t*>(std::memchr(bytes, '\n', most));
  const size_t taken = end ? static_cast<size_t>(end - bytes) + 1 : most;
  bytes_.insert(bytes_.end(), bytes, bytes + taken);
  if (end) {
    ReadLine();
  } else if (bytes_.size() == kLongestLine) {
    Fail(State::kTooLong, "no end of the line within 107 bytes");
  }
  return taken;
}

void HeaderParser::ReadLine() {
  const char* text = reinterpret_cast<const char*>(bytes_.data());
  std::string_view line(text, bytes_.size() - 1);
  line.remove_prefix(sizeof kLineSignature);
  if (line.empty() || line.back() != '\r') {
    Fail(State::kMalformed, "its line does not end with CRLF");
    return;
  }
  line.remove_suffix(1);
  header_.version = 1;
  const std::string_view protocol = NextField(&line);
  if (protocol == "UNKNOWN") {  // whatever follows is to be ignored
    state_ = State::kDone;
    return;
  }
  if (protocol != "TCP4" && protocol != "TCP6") {
    Fail(State::kMalformed, "its protocol is none of TCP4, TCP6 and UNKNOWN");
    return;
  }
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  const std::string_view source = NextField(&line);
  const std::string_view destination = NextField(&line);
  const std::string_view source_port = NextField(&line);
  if (!ReadHost(family, source, &header_.source.host) ||
      !ReadHost(family, destination, &header_.destination.host)) {
    Fail(State::kMalformed, "an address is not one of the protocol that it names");
    return;
  }
  // What is left is the last field; a space in it, or after it, is no digit.
  if (!ReadPort(source_port, &header_.source.port) || !ReadPort(line, &header_.destination.port)) {
    Fail(State::kMalformed, "a port is not a number from 0 to 65535");
    return;
  }
  header_.transport = family == AF_INET ? Transport::kTcp4 : Transport::kTcp6;
  state_ = State::kDone;
}

size_t HeaderParser::FeedBinary(const uint8_t* bytes, size_t length) {
  size_t taken = 0;
  while (state_ == State::kBinary && taken < length) {
    const size_t part = std::min(length - taken, wanted_ - bytes_.size());
    bytes_.insert(bytes_.end(), bytes + taken, bytes + taken + part);
    taken += part;
    if (bytes_.size() < wanted_) break;
    if (wanted_ == kPrefix) ReadPrefix();
    if (state_ == State::kBinary && bytes_.size() == wanted_) ReadBinary();
  }
  return taken;
}

void HeaderParser::ReadPrefix() {
  const uint8_t version = bytes_[12] >> 4;
  const uint8_t command = bytes_[12] & 0x0f;
  if (version != 2 || command > 1) {
    Fail(State::kMalformed,
         version != 2 ? "its version is not 2" : "its command is neither LOCAL nor PROXY");
    return;
  }
  if ((bytes_[13] >> 4) > 3 || (bytes_[13] & 0x0f) > 2) {
    Fail(State::kMalformed, "its address family or transport does not exist");
    return;
  }
  wanted_ = kPrefix + ShortAt(&bytes_[14]);
  if (wanted_ > kLongestHeader) {
    Fail(State::kTooLong, "it announces more than 4,096 bytes");
    return;
  }
  bytes_.reserve(wanted_);
}

void HeaderParser::ReadBinary() {
  header_.version = 2;
  header_.local = (bytes_[12] & 0x0f) == 0;
  const uint8_t family = bytes_[13] >> 4;
  // Their addresses are the connection's own, and what follows may be of any form.
  if (header_.local || family == 0) {
    state_ = State::kDone;
    return;
  }
  size_t at = kPrefix;
  if (!ReadAddresses(family, &at)) return;
  if (!AreTlvs(bytes_.data() + at, bytes_.size() - at)) {
    Fail(State::kMalformed, "its TLVs do not fill it to its end");
    return;
  }
  header_.tlvs.assign(bytes_.begin() + static_cast<std::ptrdiff_t>(at), bytes_.end());
  size_t checksum = 0;
  while (at < bytes_.size()) {
    const uint8_t type = bytes_[at];
    const size_t size = ShortAt(&bytes_[at + 1]);
    at += kTlvPrefix;
    if (type == kTypeCrc32c) {
      if (size != kChecksum || checksum != 0) {
        Fail(State::kMalformed, "its checksum is not one of four bytes");
        return;
      }
      checksum = at;
    } else if (type == kTypeUniqueId && size > kLongestUniqueId) {
      Fail(State::kMalformed, "its unique id has more than 128 bytes");
      return;
    } else if (type == kTypeSsl &&
               (size < kSslPrefix || !AreTlvs(&bytes_[at] + kSslPrefix, size - kSslPrefix))) {
      Fail(State::kMalformed, "its facts of TLS are not well-formed");
      return;
    }
    at += size;
  }
  if (checksum != 0 && !ChecksumFits(checksum)) {
    Fail(State::kChecksum, "its checksum does not fit its bytes");
    return;
  }
  state_ = State::kDone;
}

// Where the TLVs begin is `at` then.
bool HeaderParser::ReadAddresses(uint8_t family, size_t* at) {
  const size_t address = family == 1 ? sizeof(in_addr) : sizeof(in6_addr);
  const size_t size = family == 3 ? 2 * kUnixPath : 2 * address + 4;
  if (bytes_.size() - kPrefix < size)
    return Fail(State::kMalformed, "it is too short for its addresses");
  *at = kPrefix + size;
  if ((bytes_[13] & 0x0f) != 1) return true;  // no stream's: as if the family were unknown
  const uint8_t* block = &bytes_[kPrefix];
  if (family == 3) {
    header_.transport = Transport::kUnix;
    header_.source.host = PathOf(block);
    header_.destination.host = PathOf(block + kUnixPath);
    return true;
  }
  const int system_family = family == 1 ? AF_INET : AF_INET6;
  header_.transport = family == 1 ? Transport::kTcp4 : Transport::kTcp6;
  header_.source = {HostOf(system_family, block), ShortAt(block + 2 * address)};
  header_.destination = {HostOf(system_family, block + address), ShortAt(block + 2 * address + 2)};
  return true;
}

// It was computed with zeros in its own place.
bool HeaderParser::ChecksumFits(size_t at) const {
  constexpr uint8_t kZeros[kChecksum] = {};
  uint32_t crc = Crc32c(bytes_.data(), at);
  crc = Crc32c(kZeros, kChecksum, crc);
  crc = Crc32c(&bytes_[at] + kChecksum, bytes_.size() - at - kChecksum, crc);
  return crc == (static_cast<uint32_t>(ShortAt(&bytes_[at])) << 16 | ShortAt(&bytes_[at + 2]));
}

bool HeaderParser::Fail(State state, const char* problem) {
  state_ = state;
  problem_ = problem;
  return false;
}

}  // namespace s2npkey::proxy
