// What the scenarios have in common: who is loaded, what was measured, how the benchmark is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "latency_histogram.h"
#include "options.h"
#include "s2n.h"

namespace s2npkey::bench {

using Clock = std::chrono::steady_clock;

struct Measurement {
  double units = 0;       // handshakes closed in order, answers, MiB
  uint64_t requests = 0;  // of a storm: answered beside its handshakes
  Clock::duration elapsed{};
  Clock::duration idle{};  // of which the load had nothing to do
  LatencyHistogram latency;
  std::string agreement;
};

// Steps that the benchmark takes part in, to read the server's processor time at quiet moments.
struct Cues {
  std::function<void()> wait_for_go;  // says that all is set up, returns when told to go
  std::function<void(const Measurement&)>
      tell_then_wait;  // gives the result, returns when told to end
};

// Full handshakes, each closed in order, `connections` at a time. `config` is null for plain TCP:
// connect and close.
void RunHandshakes(const Options& options, s2n_config* config, const Cues& cues);

// Exchanges on `connections` kept connections, one under way on each.
void RunExchanges(const Options& options, s2n_config* config, const Cues& cues);

// Handshakes as above, and beside them `kept` connections with a small request every two
// milliseconds: the latency is theirs.
void RunStorm(const Options& options, s2n_config* config, const Cues& cues);

// `connections` connections that have had one request each and then do nothing.
void RunIdle(const Options& options, s2n_config* config, const Cues& cues);

}  // namespace s2npkey::bench
