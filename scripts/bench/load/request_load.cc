#include <array>
#include <string_view>
#include <vector>

#include "connection.h"
#include "event_loop.h"
#include "load.h"
#include "response_reader.h"

namespace keyless::bench {

namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Slot {
  Connection connection;
  ResponseReader reader;
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

void RunRequests(const Options& options, s2n_config* config, const Cues& cues) {
  EventLoop loop;
  Measurement measurement;
  std::vector<Slot> slots;
  slots.reserve(options.connections);
  for (size_t i = 0; i < options.connections; ++i) {
    slots.push_back({{options.port, config}, {}, {}});
    slots[i].connection.Open();
    loop.Watch(slots[i].connection.descriptor(), i);
  }
  const auto send = [](Slot& slot) {
    slot.started = Clock::now();
    slot.connection.Send(kRequest);
  };
  std::array<char, 16384> buffer;
  const auto received = [&](Slot& slot) {
    for (;;) {
      const size_t taken = slot.connection.Receive(buffer.data(), buffer.size());
      if (taken == 0) return false;
      if (slot.reader.Take({buffer.data(), taken})) return true;
    }
  };

  // The handshakes, and a first request on each connection, are over before anything is measured.
  UntilAllDone(loop, slots,
               [](Slot& slot) { return slot.connection.Establish() == Progress::kDone; });
  measurement.agreement = slots.front().connection.Agreement();
  for (Slot& slot : slots) send(slot);
  UntilAllDone(loop, slots, received);

  cues.wait_for_go();
  const auto idle_before = loop.idle();
  const auto began = Clock::now();
  const auto deadline = began + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(options.seconds));
  for (Slot& slot : slots) send(slot);
  UntilAllDone(loop, slots, [&](Slot& slot) {
    if (!received(slot)) return false;
    const auto now = Clock::now();
    measurement.latency.Add(now - slot.started);
    ++measurement.units;
    if (now >= deadline) return true;
    // The response was the last the server had to say, so what comes next is an edge: no need to
    // read until blocked.
    send(slot);
    return false;
  });
  measurement.elapsed = Clock::now() - began;
  measurement.idle = loop.idle() - idle_before;
  cues.tell_then_wait(measurement);
  UntilAllDone(loop, slots,
               [](Slot& slot) { return slot.connection.CloseInOrder() == Progress::kDone; });
}

}  // namespace keyless::bench
