// The benchmark's load: handshakes, requests, messages, bulk, from one thread that is not the
// bottleneck.
#include <sys/resource.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "connection.h"
#include "load.h"
#include "openssl/crypto.h"

namespace {

using s2npkey::bench::Clock;
using s2npkey::bench::LoadError;
using s2npkey::bench::Measurement;
using s2npkey::bench::Options;
using s2npkey::bench::Scenario;

void WaitForLine() {
  std::string line;
  std::getline(std::cin, line);
}

void Tell(const Measurement& measurement) {
  const double seconds = std::chrono::duration<double>(measurement.elapsed).count();
  const auto percentile = [&](double share) {
    return measurement.latency.PercentileMicroseconds(share);
  };
  std::printf("{\"event\":\"result\",\"units\":%.0f,\"requests\":%" PRIu64
              ",\"seconds\":%.6f,\"idleSeconds\":%.6f,\"agreement\":\"%s\","
              "\"latencyMicroseconds\":"
              "{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}}\n",
              measurement.units, measurement.requests, seconds,
              std::chrono::duration<double>(measurement.idle).count(),
              measurement.agreement.c_str(), percentile(0.5), percentile(0.9), percentile(0.99),
              measurement.latency.MaximumMicroseconds());
  std::fflush(stdout);
}

using Runner = void (*)(const Options&, s2n_config*, const s2npkey::bench::Cues&);

Runner RunOf(Scenario scenario) {
  switch (scenario) {
    case Scenario::kHandshakes:
      return s2npkey::bench::RunHandshakes;
    case Scenario::kStorm:
      return s2npkey::bench::RunStorm;
    case Scenario::kIdle:
      return s2npkey::bench::RunIdle;
    default:
      return s2npkey::bench::RunExchanges;
  }
}

void Run(const Options& options) {
  // The load has no secrets, and s2n's own locking of every allocation would cost it a third of its
  // time.
  setenv("S2N_DONT_MLOCK", "1", 1);
  std::signal(SIGPIPE, SIG_IGN);
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  s2npkey::tls::ConfigHandle config;
  if (options.tls) {
    if (s2n_init() != S2N_SUCCESS) throw LoadError(s2n_strerror(s2n_errno, "EN"));
    config.reset(s2n_config_new_minimal());
    // The certificate's chain is not what is measured. The proof that the server has its key is
    // still checked.
    if (!config || s2n_config_disable_x509_verification(config.get()) ||
        (options.resume && s2n_config_set_session_tickets_onoff(config.get(), 1)) ||
        s2n_config_set_cipher_preferences(config.get(), options.policy.c_str())) {
      throw LoadError(std::string("configuring s2n-tls: ") + s2n_strerror(s2n_errno, "EN"));
    }
  }
  const s2npkey::bench::Cues cues{
      [] {
        std::printf("{\"event\":\"ready\",\"awsLc\":\"%s\"}\n", AWSLC_VERSION_NUMBER_STRING);
        std::fflush(stdout);
        WaitForLine();
      },
      [](const Measurement& measurement) {
        Tell(measurement);
        WaitForLine();
      },
  };
  RunOf(options.scenario)(options, config.get(), cues);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    Run(s2npkey::bench::ParseOptions(count, arguments));
    return EXIT_SUCCESS;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "bench_load: %s\n%s", error.what(), s2npkey::bench::kUsage);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_load: %s\n", error.what());
  }
  return EXIT_FAILURE;
}
