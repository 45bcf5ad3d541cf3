// Networks of balancers, whose PROXY protocol headers are believed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace s2npkey::proxy {

// Immutable once made. Any thread.
class Networks {
 public:
  // Each is an address, a network such as `10.0.0.0/8`, or `unix` for peers without an address.
  // Nothing: one of them is not.
  static std::optional<Networks> Parse(const std::vector<std::string>& texts);

  // `host` as inet_ntop writes it; empty: a peer over a Unix socket. An IPv4 address that is mapped
  // into IPv6 counts as the IPv4 address, and only networks of IPv4 contain it.
  bool Contain(const std::string& host) const;

 private:
  // IPv4 is mapped into IPv6 (RFC 4291 section 2.5.5.2).
  using Bytes = std::array<uint8_t, 16>;
  struct Network {
    Bytes address{};
    size_t bits = 0;
  };

  static std::optional<Network> ParseOne(const std::string& text);
  static std::optional<Bytes> ParseAddress(const std::string& text);

  std::vector<Network> networks_;
  bool unix_ = false;
};

}  // namespace s2npkey::proxy
