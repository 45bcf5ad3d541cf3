#include "engine/output_queue.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace s2npkey::engine {

namespace {

constexpr size_t kPiecesACall = 1024;  // Linux's own limit: UIO_MAXIOV

// Returns the number of bytes taken (0: the kernel's buffer is full), or -1 for a broken
// descriptor.
ssize_t SendSome(int fd, iovec* pieces, size_t count) {
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = std::min(count, kPiecesACall);
  for (;;) {
    const ssize_t sent =
        count == 1 ? send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                   : sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
  }
}

// Without the first `length` bytes.
void Shorten(iovec** pieces, size_t* count, size_t length) {
  while (*count > 0 && length >= (*pieces)->iov_len) {
    length -= (*pieces)->iov_len;
    ++*pieces;
    --*count;
  }
  if (length == 0) return;
  (*pieces)->iov_base = static_cast<uint8_t*>((*pieces)->iov_base) + length;
  (*pieces)->iov_len -= length;
}

}  // namespace

template <typename Bytes>
OutputResult BasicOutputQueue<Bytes>::Write(int fd, const uint8_t* data, size_t length) {
  iovec piece{const_cast<uint8_t*>(data),
              length};  // as iovec(3type) wants it; nothing writes there
  return WritePieces(fd, &piece, length > 0 ? 1 : 0);
}

template <typename Bytes>
OutputResult BasicOutputQueue<Bytes>::WritePieces(int fd, iovec* pieces, size_t count) {
  while (!empty()) {
    iovec queued{bytes_.data() + offset_, size()};
    const ssize_t sent = SendSome(fd, &queued, 1);
    if (sent < 0) return Result::kBroken;
    offset_ += static_cast<size_t>(sent);
    taken_ += static_cast<uint64_t>(sent);
    if (sent == 0) {
      Keep(pieces, count);
      return Result::kBlocked;
    }
  }
  if (!bytes_.empty()) Discard();
  while (count > 0) {
    const ssize_t sent = SendSome(fd, pieces, count);
    if (sent < 0) return Result::kBroken;
    if (sent == 0) {
      Keep(pieces, count);
      return Result::kBlocked;
    }
    taken_ += static_cast<uint64_t>(sent);
    Shorten(&pieces, &count, static_cast<size_t>(sent));
  }
  return Result::kDone;
}

template <typename Bytes>
void BasicOutputQueue<Bytes>::Keep(const iovec* pieces, size_t count) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++) length += pieces[i].iov_len;
  bytes_.reserve(bytes_.size() + length);
  for (size_t i = 0; i < count; i++) {
    const auto* data = static_cast<const uint8_t*>(pieces[i].iov_base);
    bytes_.insert(bytes_.end(), data, data + pieces[i].iov_len);
  }
}

template <typename Bytes>
void BasicOutputQueue<Bytes>::Discard() {
  Bytes().swap(bytes_);
  offset_ = 0;
}

template class BasicOutputQueue<std::vector<uint8_t>>;
template class BasicOutputQueue<memory::SecretBytes>;

}  // namespace s2npkey::engine
