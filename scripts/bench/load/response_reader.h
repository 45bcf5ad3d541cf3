// Reads one HTTP/1.1 response with a Content-Length (RFC 9112) out of the bytes of a connection.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "connection.h"

namespace s2npkey::bench {

class ResponseReader {
 public:
  // True when the response is complete. Throws LoadError when it is no 200 with a length (nor a
  // 101), or more than one.
  bool Take(std::string_view bytes) {
    if (remaining_ == kUnknown) {
      head_.append(bytes);
      const size_t end = head_.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      const size_t body = head_.size() - (end + 4);
      remaining_ = ContentLength(std::string_view(head_).substr(0, end + 2));
      bytes = bytes.substr(bytes.size() - body);
    }
    if (bytes.size() > remaining_) throw LoadError("more bytes than the response has came");
    remaining_ -= bytes.size();
    if (remaining_ > 0) return false;
    remaining_ = kUnknown;
    head_.clear();
    return true;
  }

 private:
  static constexpr size_t kUnknown = static_cast<size_t>(-1);

  static size_t ContentLength(std::string_view head) {
    constexpr std::string_view kStatus = "HTTP/1.1 200 ";
    constexpr std::string_view kUpgraded = "HTTP/1.1 101 ";
    if (head.substr(0, kUpgraded.size()) == kUpgraded) return 0;
    constexpr std::string_view kField = "\r\nContent-Length: ";  // as Node writes it
    if (head.substr(0, kStatus.size()) != kStatus) {
      throw LoadError("not a 200 response: " + std::string(head.substr(0, head.find('\r'))));
    }
    const size_t at = head.find(kField);
    if (at == std::string_view::npos) throw LoadError("a response without Content-Length");
    size_t length = 0;
    for (size_t i = at + kField.size(); head[i] >= '0' && head[i] <= '9'; ++i) {
      length = length * 10 + static_cast<size_t>(head[i] - '0');
    }
    return length;
  }

  std::string head_;
  size_t remaining_ = kUnknown;
};

}  // namespace s2npkey::bench
