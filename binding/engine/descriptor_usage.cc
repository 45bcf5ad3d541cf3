#include "engine/descriptor_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <memory>

#include "engine/descriptor.h"

namespace s2npkey::engine {

namespace {

constexpr char kDescriptors[] = "/proc/self/fd";

// 0: unknown.
uint64_t CountEntries() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(kDescriptors), closedir);
  if (!folder) return 0;
  uint64_t entries = 0;
  while (readdir(folder.get())) entries++;
  return entries > 3 ? entries - 3 : 0;  // ".", ".." and the descriptor of the folder
}

uint64_t LowestFree(uint64_t limit) {
  const Descriptor probe(open("/", O_PATH | O_CLOEXEC));
  return probe ? static_cast<uint64_t>(probe.get()) : limit;
}

}  // namespace

DescriptorUsage DescriptorUsage::OfProcess() {
  DescriptorUsage usage;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  usage.limit = limit.rlim_cur;
  struct stat status {};
  if (stat(kDescriptors, &status) == 0 && status.st_size > 0) {
    usage.used = static_cast<uint64_t>(status.st_size);
  } else {
    usage.used = CountEntries();
  }
  if (usage.used == 0) usage.used = LowestFree(usage.limit);
  return usage;
}

int BacklogOf(int listening_fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(listening_fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return static_cast<int>(info.tcpi_sacked);  // for a listening socket, the size of its backlog
}

}  // namespace s2npkey::engine
