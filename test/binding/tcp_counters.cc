#include "tcp_counters.h"

#include <linux/tcp.h>  // its tcp_info has more fields than that of netinet/tcp.h
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>

namespace s2npkey::test {

TcpCounters ReceivedBy(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) std::abort();
  return {info.tcpi_bytes_received, info.tcpi_data_segs_in};
}

}  // namespace s2npkey::test
