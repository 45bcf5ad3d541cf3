#include "engine/output_queue.h"

#include <sys/socket.h>

#include <cerrno>

namespace keyless::engine {

namespace {

// The number taken (0: the kernel is full), or -1 when the descriptor is broken.
ssize_t SendSome(int fd, const uint8_t* data, size_t length) {
  for (;;) {
    const ssize_t sent = send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
  }
}

}  // namespace

OutputQueue::Result OutputQueue::Write(int fd, const uint8_t* data, size_t length) {
  while (!empty()) {
    const ssize_t sent = SendSome(fd, bytes_.data() + offset_, size());
    if (sent < 0) return Result::kBroken;
    offset_ += static_cast<size_t>(sent);
    taken_ += static_cast<uint64_t>(sent);
    if (sent == 0) {
      Keep(data, length);
      return Result::kBlocked;
    }
  }
  if (!bytes_.empty()) Discard();
  while (length > 0) {
    const ssize_t sent = SendSome(fd, data, length);
    if (sent < 0) return Result::kBroken;
    if (sent == 0) {
      Keep(data, length);
      return Result::kBlocked;
    }
    taken_ += static_cast<uint64_t>(sent);
    data += sent;
    length -= static_cast<size_t>(sent);
  }
  return Result::kDone;
}

void OutputQueue::Keep(const uint8_t* data, size_t length) {
  if (length > 0) bytes_.insert(bytes_.end(), data, data + length);
}

void OutputQueue::Discard() {
  std::vector<uint8_t>().swap(bytes_);
  offset_ = 0;
}

}  // namespace keyless::engine
