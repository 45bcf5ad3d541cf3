// What a TCP socket has received, as the kernel counts it.
#pragma once

#include <cstdint>

namespace s2npkey::test {

struct TcpCounters {
  uint64_t bytes = 0;
  uint32_t segments = 0;  // with bytes in them
};

TcpCounters ReceivedBy(int fd);

}  // namespace s2npkey::test
