// A test in a process of its own, so that it may die or change the limits it lives under.
#pragma once

#include <functional>
#include <string>

namespace keyless::test {

struct Ended {
  bool exited_well = false;  // with every expectation met
  bool aborted = false;
  std::string said;  // to stderr
};

// A failed expectation of the child is shown.
Ended RunInChild(const std::function<void()>& run);

}  // namespace keyless::test
