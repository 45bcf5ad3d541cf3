// Memory that runs out where a test wants it to: the program's own operator new.
#pragma once

#include <cstddef>

namespace s2npkey::test {

// While one lives, allocations of this thread fail: so many, after so many that succeed.
class FailingAllocations {
 public:
  FailingAllocations(size_t succeed, size_t fail);
  ~FailingAllocations();
  FailingAllocations(const FailingAllocations&) = delete;
  FailingAllocations& operator=(const FailingAllocations&) = delete;
  // For so long they succeed, and do not count.
  class Suspended {
   public:
    Suspended();
    ~Suspended();
  };
  // Whether one has failed since the last of these was made.
  static bool Any();
};

}  // namespace s2npkey::test
