// A test in a process of its own, so that it may die or change the limits it lives under.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace s2npkey::test {

// The test fails unless all goes well there; what the child said to stderr is shown then.
void ExpectInChild(const std::function<void()>& run);

struct Ended {
  bool well = false;  // with every expectation met
  bool aborted = false;
  std::string said;  // to stderr
};
Ended RunInChild(const std::function<void()>& run);

// For such a process: it may map this many bytes more than it has mapped.
void LimitAddressSpace(size_t more);

}  // namespace s2npkey::test
