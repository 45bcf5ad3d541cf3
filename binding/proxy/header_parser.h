// Reads a PROXY protocol header of version 1 or 2 from a stream, however its bytes are cut, and
// nothing beyond it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "proxy/header.h"

namespace s2npkey::proxy {

// Used by one thread. Allocates at most kLongestHeader bytes, and none before a signature is whole.
class HeaderParser {
 public:
  enum class State : uint8_t {
    kSignature,  // the bytes so far may begin a header
    kLine,
    kBinary,
    kDone,
    kNoHeader,  // the first bytes are something else's
    kMalformed,
    kTooLong,
    kChecksum,  // it has a CRC32C that is not its own
  };

  // Takes as many of the stream's next bytes as belong to the header, and says how many. It takes
  // none before the signature is whole, or if there is none: give it those bytes again, with more.
  size_t Feed(const uint8_t* bytes, size_t length);

  State state() const noexcept { return state_; }
  bool reading() const noexcept { return state_ <= State::kBinary; }
  // What is wrong with it: a sentence's end, a string literal.
  const char* problem() const noexcept { return problem_; }
  // Once it is done.
  const Header& header() const noexcept { return header_; }
  Header TakeHeader() noexcept { return std::move(header_); }

 private:
  void FindSignature(const uint8_t* bytes, size_t length);
  size_t FeedLine(const uint8_t* bytes, size_t length);
  size_t FeedBinary(const uint8_t* bytes, size_t length);
  void ReadLine();
  void ReadPrefix();
  void ReadBinary();
  bool ReadAddresses(uint8_t family, size_t* at);
  bool ChecksumFits(size_t at) const;
  bool Fail(State state, const char* problem);

  State state_ = State::kSignature;
  const char* problem_ = "";
  std::vector<uint8_t> bytes_;  // of the header, so far
  size_t wanted_ = 0;           // of a binary header, as far as is known
  Header header_;
};

}  // namespace s2npkey::proxy
