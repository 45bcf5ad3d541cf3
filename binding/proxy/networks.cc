#include "proxy/networks.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace s2npkey::proxy {

namespace {

constexpr uint8_t kMapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr size_t kMappedBits = 8 * sizeof kMapped;

bool IsIpv4(const std::string& text) { return text.find(':') == std::string::npos; }

bool SameStart(const uint8_t* one, const uint8_t* other, size_t bits) {
  const size_t whole = bits / 8;
  if (std::memcmp(one, other, whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - bits % 8));
  return ((one[whole] ^ other[whole]) & mask) == 0;
}

}  // namespace

std::optional<Networks> Networks::Parse(const std::vector<std::string>& texts) {
  Networks networks;
  for (const std::string& text : texts) {
    if (text == "unix") {
      networks.unix_ = true;
      continue;
    }
    const std::optional<Network> network = ParseOne(text);
    if (!network) return std::nullopt;
    networks.networks_.push_back(*network);
  }
  return networks;
}

std::optional<Networks::Network> Networks::ParseOne(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  const std::optional<Bytes> address = ParseAddress(host);
  if (!address) return std::nullopt;
  const size_t most = IsIpv4(host) ? 32 : 128;
  size_t bits = most;
  if (slash != std::string::npos) {
    const std::string digits = text.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    bits = static_cast<size_t>(std::stoul(digits));
    if (bits > most) return std::nullopt;
  }
  return Network{*address, IsIpv4(host) ? kMappedBits + bits : bits};
}

std::optional<Networks::Bytes> Networks::ParseAddress(const std::string& text) {
  Bytes bytes{};
  if (!IsIpv4(text)) {
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return std::nullopt;
    return bytes;
  }
  std::memcpy(bytes.data(), kMapped, sizeof kMapped);
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + sizeof kMapped) != 1) return std::nullopt;
  return bytes;
}

bool Networks::Contain(const std::string& host) const {
  if (host.empty()) return unix_;
  const std::optional<Bytes> address = ParseAddress(host);
  if (!address) return false;
  const bool mapped = std::memcmp(address->data(), kMapped, sizeof kMapped) == 0;
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    return (!mapped || network.bits >= kMappedBits) &&
           SameStart(network.address.data(), address->data(), network.bits);
  });
}

}  // namespace s2npkey::proxy
