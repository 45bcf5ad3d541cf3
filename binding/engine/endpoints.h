// The two addresses of a TCP connection, as text.
#pragma once

#include <cstdint>
#include <string>

namespace s2npkey::engine {

struct Address {
  std::string host;  // empty for a Unix socket, or if the kernel call failed
  uint16_t port = 0;
  int family = 0;  // 4, 6, or 0
};

struct Endpoints {
  Address remote;
  Address local;

  static Endpoints Of(int fd);
};

}  // namespace s2npkey::engine
