#include "child_process.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>

#include "engine/descriptor.h"
#include "test.h"
#include "test_peer.h"

namespace keyless::test {

namespace {

constexpr int kExpectationFailed = 99;  // no sanitizer's exit code

[[noreturn]] void RunAndExit(const std::function<void()>& run, int standard_error) {
  dup2(standard_error, STDERR_FILENO);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  try {
    run();
  } catch (const ExpectationFailed&) {
    _exit(kExpectationFailed);
  }
  _exit(0);
}

}  // namespace

Ended RunInChild(const std::function<void()>& run) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const engine::Descriptor reader(ends[0]);
  engine::Descriptor writer(ends[1]);
  const pid_t child = fork();
  EXPECT(child >= 0);
  if (child == 0) RunAndExit(run, writer.get());
  writer.Close();
  Ended ended;
  ended.said = ReadAll(reader.get());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  ended.exited_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  ended.aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kExpectationFailed) std::cerr << ended.said;
  return ended;
}

}  // namespace keyless::test
