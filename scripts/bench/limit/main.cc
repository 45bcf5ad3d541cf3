// The benchmark's limit. The certificate and the key are in files that BENCH_CERT and BENCH_KEY
// name; one JSON object a line tells of the port, or of a failure; the end of standard input ends
// it.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <string>

#include "server.h"

namespace {

std::string FileNamedBy(const char* variable) {
  const char* path = std::getenv(variable);
  if (!path) throw s2npkey::bench::LimitError(std::string(variable) + " is not set");
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw s2npkey::bench::LimitError(std::string(path) + " cannot be read");
  return text.str();
}

}  // namespace

int main() {
  try {
    setenv("S2N_DONT_MLOCK", "1", 1);  // its locking of every allocation is not the limit
    std::signal(SIGPIPE, SIG_IGN);
    if (s2n_init() != S2N_SUCCESS) {
      throw s2npkey::bench::LimitError(s2n_strerror(s2n_errno, "EN"));
    }
    s2npkey::bench::LimitServer server(FileNamedBy("BENCH_CERT"), FileNamedBy("BENCH_KEY"));
    std::printf("{\"event\":\"listening\",\"ports\":{\"web\":%u}}\n", server.port());
    std::fflush(stdout);
    server.Run();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_limit: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
