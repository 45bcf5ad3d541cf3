// How many of its descriptors the process has in use.
#pragma once

#include <cstdint>

namespace s2npkey::engine {

struct DescriptorUsage {
  uint64_t used = 0;
  uint64_t limit = 0;  // the soft limit (RLIMIT_NOFILE)

  // Two system calls where the kernel tells the number (Linux 6.2 and later); before that a walk
  // through /proc/self/fd. Without /proc the lowest free number stands for it: all below are in
  // use. Any thread.
  static DescriptorUsage OfProcess();
};

// How many connections a listening TCP socket lets wait; 0 for another kind of socket.
int BacklogOf(int listening_fd);

}  // namespace s2npkey::engine
