// Runs the core's tests: all of them, or those whose name contains one of the arguments, without
// those whose name contains one that begins with `-`.
#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>

#include "test.h"

namespace {

bool IsAskedFor(const char* name, int argc, char** argv) {
  bool none_named = true;
  bool named = false;
  for (int i = 1; i < argc; i++) {
    const bool excludes = argv[i][0] == '-';
    const bool contained = std::strstr(name, argv[i] + (excludes ? 1 : 0)) != nullptr;
    if (excludes && contained) return false;
    none_named = none_named && excludes;
    named = named || (!excludes && contained);
  }
  return none_named || named;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace s2npkey::test;
  std::signal(SIGPIPE, SIG_IGN);
  int run = 0;
  int failed = 0;
  for (const Test& test : Tests()) {
    if (!IsAskedFor(test.name, argc, argv)) continue;
    bool passed = false;
    try {
      test.run();
      passed = true;
    } catch (const ExpectationFailed&) {
    } catch (const std::exception& error) {
      std::cerr << test.name << ": threw: " << error.what() << std::endl;
    }
    if (!passed) failed++;
    run++;
    std::cout << (passed ? "ok      " : "FAILED  ") << test.name << std::endl;
  }
  std::cout << run << " tests, " << failed << " failed" << std::endl;
  return run == 0 || failed > 0 ? 1 : 0;
}
