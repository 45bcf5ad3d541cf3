// The number of descriptors that the process uses.
#pragma once

#include <cstdint>

namespace s2npkey::engine {

struct DescriptorUsage {
  uint64_t used = 0;
  uint64_t limit = 0;  // the soft limit (RLIMIT_NOFILE)

  // Two system calls where the kernel reports the number (Linux 6.2 and later); a walk through
  // /proc/self/fd before that. Without /proc it returns the lowest free number, since all lower
  // ones are in use. Any thread.
  static DescriptorUsage OfProcess();
};

// The backlog of a listening TCP socket; 0 for another kind of socket.
int BacklogOf(int listening_fd);

}  // namespace s2npkey::engine
