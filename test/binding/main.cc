// Runs the core's tests, all of them or those whose name contains the argument.
#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>

#include "test.h"

int main(int argc, char** argv) {
  using namespace keyless::test;
  std::signal(SIGPIPE, SIG_IGN);
  int run = 0;
  int failed = 0;
  for (const Test& test : Tests()) {
    if (argc > 1 && !std::strstr(test.name, argv[1])) continue;
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
