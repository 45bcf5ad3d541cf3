#include <algorithm>
#include <array>
#include <vector>

#include "connection.h"
#include "event_loop.h"
#include "exchange.h"
#include "load.h"

namespace s2npkey::bench {

namespace {

constexpr size_t kAtOnce = 64;

struct Slot {
  Connection connection;
  Dialogue dialogue;
  bool established = false;
};

}  // namespace

void RunIdle(const Options& options, s2n_config* config, const Cues& cues) {
  const Exchange exchange = Exchange::Of(options);
  EventLoop loop;
  Measurement measurement;
  std::array<char, 65536> buffer;
  std::vector<Slot> slots;
  slots.reserve(options.connections);
  cues.wait_for_go();
  const auto began = Clock::now();
  size_t done = 0;
  const auto start = [&] {
    if (slots.size() == options.connections) return;
    slots.push_back({{options.port, config}, {}});
    slots.back().connection.Open();
    loop.Watch(slots.back().connection.descriptor(), slots.size() - 1);
  };
  while (slots.size() < std::min(kAtOnce, options.connections)) start();
  while (done < options.connections) {
    for (const size_t index : loop.Wait()) {
      Slot& slot = slots[index];
      if (!slot.established) {
        if (slot.connection.Establish() == Progress::kBlocked) continue;
        slot.established = true;
        if (measurement.agreement.empty()) measurement.agreement = slot.connection.Agreement();
        slot.dialogue.Start(exchange.request, 0, 0);
      }
      if (!slot.dialogue.Advance(slot.connection, buffer.data(), buffer.size())) continue;
      ++done;
      start();  // `slot` may not be used after this: but for its reserved room it could have moved
    }
  }
  measurement.units = static_cast<double>(done);
  measurement.elapsed = Clock::now() - began;
  cues.tell_then_wait(measurement);
}

}  // namespace s2npkey::bench
