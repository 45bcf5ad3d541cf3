#include <array>
#include <vector>

#include "connection.h"
#include "event_loop.h"
#include "exchange.h"
#include "load.h"

namespace s2npkey::bench {

namespace {

struct Slot {
  Connection connection;
  Dialogue dialogue;
  Clock::time_point started;
  bool done = false;
};

// Calls `step` for every slot until it has said "done" of each.
template <typename Step>
void UntilAllDone(EventLoop& loop, std::vector<Slot>& slots, Step step) {
  size_t open = 0;
  for (Slot& slot : slots) open += (slot.done = step(slot)) ? 0 : 1;
  while (open > 0) {
    for (const size_t index : loop.Wait()) {
      Slot& slot = slots[index];
      if (slot.done || !step(slot)) continue;
      slot.done = true;
      --open;
    }
  }
}

}  // namespace

void RunExchanges(const Options& options, s2n_config* config, const Cues& cues) {
  const Exchange exchange = Exchange::Of(options);
  EventLoop loop;
  Measurement measurement;
  std::vector<Slot> slots;
  slots.reserve(options.connections);
  for (size_t i = 0; i < options.connections; ++i) {
    slots.push_back({{options.port, config}, {}, {}});
    slots[i].connection.Open();
    loop.Watch(slots[i].connection.descriptor(), i);
  }
  std::array<char, 65536> buffer;
  const auto start = [&](Slot& slot) {
    slot.started = Clock::now();
    slot.dialogue.Start(exchange.request, exchange.write, exchange.answer);
  };
  const auto advance = [&](Slot& slot) {
    return slot.dialogue.Advance(slot.connection, buffer.data(), buffer.size());
  };

  // The handshakes, and a first exchange on each connection, are over before anything is measured.
  UntilAllDone(loop, slots,
               [](Slot& slot) { return slot.connection.Establish() == Progress::kDone; });
  measurement.agreement = slots.front().connection.Agreement();
  if (!exchange.opening.empty()) {
    for (Slot& slot : slots) slot.dialogue.Start(exchange.opening, 0, 0);
    UntilAllDone(loop, slots, advance);
  }
  for (Slot& slot : slots) start(slot);
  UntilAllDone(loop, slots, advance);

  cues.wait_for_go();
  const auto idle_before = loop.idle();
  const auto began = Clock::now();
  const auto deadline = began + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(options.seconds));
  for (Slot& slot : slots) start(slot);
  UntilAllDone(loop, slots, [&](Slot& slot) {
    while (advance(slot)) {
      const auto now = Clock::now();
      measurement.latency.Add(now - slot.started);
      measurement.units += exchange.units;
      if (now >= deadline) return true;
      start(slot);
    }
    return false;
  });
  measurement.elapsed = Clock::now() - began;
  measurement.idle = loop.idle() - idle_before;
  cues.tell_then_wait(measurement);
  if (options.scenario == Scenario::kEcho) return;  // ws closes when the connection goes
  UntilAllDone(loop, slots,
               [](Slot& slot) { return slot.connection.CloseInOrder() == Progress::kDone; });
}

}  // namespace s2npkey::bench
