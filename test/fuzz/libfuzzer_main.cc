// libFuzzer's entry: the one target that is linked into the program.
#include <csignal>
#include <cstdlib>

#include "target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  std::signal(SIGPIPE, SIG_IGN);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    s2npkey::fuzz::Targets().front().run(s2npkey::fuzz::Input(data, size));
  } catch (const s2npkey::test::ExpectationFailed&) {
    std::abort();  // what failed was said; libFuzzer keeps the input
  }
  return 0;
}
