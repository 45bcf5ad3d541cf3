// Bytes that a descriptor has not accepted yet.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory/secret_bytes.h"

namespace s2npkey::engine {

enum class OutputResult : uint8_t { kDone, kBlocked, kBroken };

// `Bytes`: a vector of bytes. Its allocator decides where the queued bytes are kept.
template <typename Bytes>
class BasicOutputQueue {
 public:
  using Result = OutputResult;

  bool empty() const noexcept { return offset_ == bytes_.size(); }
  size_t size() const noexcept { return bytes_.size() - offset_; }
  // The number of bytes that the descriptor has accepted in total.
  uint64_t taken() const noexcept { return taken_; }

  // Writes the queued bytes and then `data`, and keeps what the kernel does not accept. After
  // kBroken, errno has the cause.
  Result Write(int fd, const uint8_t* data, size_t length);
  // The same with data in pieces, which are shortened from the front as the kernel accepts them.
  Result WritePieces(int fd, iovec* pieces, size_t count);
  Result Flush(int fd) { return WritePieces(fd, nullptr, 0); }
  void Discard();

 private:
  void Keep(const iovec* pieces, size_t count);

  Bytes bytes_;  // no memory while empty
  size_t offset_ = 0;
  uint64_t taken_ = 0;
};

using OutputQueue = BasicOutputQueue<std::vector<uint8_t>>;  // records
using PlaintextQueue = BasicOutputQueue<memory::SecretBytes>;

}  // namespace s2npkey::engine
