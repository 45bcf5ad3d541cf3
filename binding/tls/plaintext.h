// The plaintext of a chunk of records, in order. Large pieces stay where they were decrypted. Small
// ones are gathered, because the kernel writes a few large pieces faster.
#pragma once

#include <openssl/mem.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "memory/secret_bytes.h"

namespace s2npkey::tls {

class Plaintext {
 public:
  // `capacity` is the size for small pieces in bytes, as many as a chunk of records can hold.
  explicit Plaintext(size_t capacity) : gathered_(capacity) { pieces_.reserve(kPieces); }

  void Add(uint8_t* data, size_t length) {
    size_ += length;
    if (length < kSmall && length <= gathered_.size() - used_) {
      uint8_t* copy = gathered_.data() + used_;
      std::memcpy(copy, data, length);
      used_ += length;
      if (!pieces_.empty() && End(pieces_.back()) == copy) {
        pieces_.back().iov_len += length;
        return;
      }
      data = copy;
    }
    pieces_.push_back({data, length});
  }
  void Clear() noexcept {
    pieces_.clear();
    most_used_ = std::max(most_used_, used_);
    used_ = 0;
    size_ = 0;
  }

  // Also overwrites the gathered bytes.
  void Wipe() noexcept {
    Clear();
    OPENSSL_cleanse(gathered_.data(), most_used_);
    most_used_ = 0;
  }

  size_t size() const noexcept { return size_; }
  std::vector<iovec>& pieces() noexcept { return pieces_; }

 private:
  static constexpr size_t kSmall = 1024;
  static constexpr size_t kPieces = 256;

  static const uint8_t* End(const iovec& piece) {
    return static_cast<const uint8_t*>(piece.iov_base) + piece.iov_len;
  }

  memory::SecretBytes gathered_;
  size_t used_ = 0;
  size_t most_used_ = 0;  // since the last Wipe()
  std::vector<iovec> pieces_;
  size_t size_ = 0;
};

}  // namespace s2npkey::tls
