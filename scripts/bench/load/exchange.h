// What a kept connection sends again and again, and how the end of the answer is known.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "options.h"
#include "response_reader.h"

namespace s2npkey::bench {

struct Exchange {
  std::string opening;  // sent once, answered by an HTTP head: a WebSocket's upgrade; else empty
  std::string request;
  size_t write = 0;   // at most so many bytes a call of s2n_send; 0: all
  size_t answer = 0;  // bytes of the answer; 0: an HTTP response, which tells by itself
  double units = 1;   // what one exchange counts for

  static Exchange Of(const Options& options);
};

// One exchange under way on one connection.
class Dialogue {
 public:
  void Start(std::string_view request, size_t write, size_t answer);
  // Sends and receives what can be now. True: the answer is complete.
  bool Advance(Connection& connection, char* buffer, size_t size);

 private:
  std::string_view outgoing_;
  size_t write_ = 0;
  size_t answer_ = 0;
  size_t received_ = 0;
  ResponseReader reader_;
};

}  // namespace s2npkey::bench
