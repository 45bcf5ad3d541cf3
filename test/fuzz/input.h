// The bytes of one fuzz input, taken piece by piece. Past their end everything is zero and empty,
// so that every input means something.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace s2npkey::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool empty() const { return left_ == 0; }
  size_t left() const { return left_; }

  uint8_t Byte() {
    if (left_ == 0) return 0;
    left_--;
    return *data_++;
  }
  // A number below `bound`.
  size_t Below(size_t bound) { return Byte() % bound; }
  bool Flag() { return Byte() & 1; }
  uint16_t Short() {
    const auto high = static_cast<uint16_t>(Byte() << 8);
    return static_cast<uint16_t>(high | Byte());
  }
  // Up to `length` bytes.
  std::vector<uint8_t> Take(size_t length) {
    const size_t taken = std::min(length, left_);
    std::vector<uint8_t> bytes(data_, data_ + taken);
    data_ += taken;
    left_ -= taken;
    return bytes;
  }
  std::vector<uint8_t> Rest() { return Take(left_); }
  std::string Text(size_t length) {
    const std::vector<uint8_t> bytes = Take(length);
    return std::string(bytes.begin(), bytes.end());
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

}  // namespace s2npkey::fuzz
