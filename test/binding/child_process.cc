#include "child_process.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "engine/descriptor.h"
#include "test.h"
#include "test_peer.h"

namespace s2npkey::test {

namespace {

[[noreturn]] void RunAndExit(const std::function<void()>& run, int standard_error) {
  dup2(standard_error, STDERR_FILENO);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  try {
    run();
  } catch (const ExpectationFailed&) {
    _exit(1);
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
  ended.well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  ended.aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  return ended;
}

void ExpectInChild(const std::function<void()>& run) {
  const Ended ended = RunInChild(run);
  if (!ended.well) std::cerr << ended.said;
  EXPECT(ended.well);
}

void LimitAddressSpace(size_t more) {
  size_t pages = 0;
  FILE* statm = fopen("/proc/self/statm", "r");
  EXPECT(statm != nullptr);
  EXPECT_EQ(fscanf(statm, "%zu", &pages), 1);
  fclose(statm);
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)) + more;
  setrlimit(RLIMIT_AS, &limit);
}

}  // namespace s2npkey::test
