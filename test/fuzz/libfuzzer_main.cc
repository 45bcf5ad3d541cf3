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
    keyless::fuzz::Targets().front().run(keyless::fuzz::Input(data, size));
  } catch (const keyless::test::ExpectationFailed&) {
    std::abort();  // what failed was said; libFuzzer keeps the input
  }
  return 0;
}
