#include <vector>

#include "connection.h"
#include "event_loop.h"
#include "load.h"

namespace keyless::bench {

namespace {

struct Slot {
  Connection connection;
  Clock::time_point started;
  bool established = false;
};

}  // namespace

void RunHandshakes(const Options& options, s2n_config* config, const Cues& cues) {
  EventLoop loop;
  Measurement measurement;
  std::vector<Slot> slots;
  slots.reserve(options.connections);
  for (size_t i = 0; i < options.connections; ++i) slots.push_back({{options.port, config}, {}});

  const auto start = [&](size_t index) {
    Slot& slot = slots[index];
    slot.established = false;
    slot.started = Clock::now();
    slot.connection.Open();
    loop.Watch(slot.connection.descriptor(), index);
  };
  // True when the connection is over, closed by both sides.
  const auto advance = [&](Slot& slot) {
    if (!slot.established) {
      if (slot.connection.Establish() == Progress::kBlocked) return false;
      slot.established = true;
      measurement.latency.Add(Clock::now() - slot.started);
      if (measurement.agreement.empty()) measurement.agreement = slot.connection.Agreement();
    }
    return slot.connection.CloseInOrder() == Progress::kDone;
  };

  cues.wait_for_go();
  const auto idle_before = loop.idle();
  const auto began = Clock::now();
  const auto deadline = began + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(options.seconds));
  size_t open = slots.size();
  for (size_t i = 0; i < slots.size(); ++i) start(i);
  while (open > 0) {
    for (const size_t index : loop.Wait()) {
      if (!advance(slots[index])) continue;
      ++measurement.units;
      if (Clock::now() < deadline) {
        start(index);
      } else {
        --open;
      }
    }
  }
  measurement.elapsed = Clock::now() - began;
  measurement.idle = loop.idle() - idle_before;
  cues.tell_then_wait(measurement);
}

}  // namespace keyless::bench
