#include <array>
#include <vector>

#include "connection.h"
#include "event_loop.h"
#include "exchange.h"
#include "handshake_slot.h"
#include "load.h"

namespace s2npkey::bench {

namespace {

constexpr std::chrono::milliseconds kThought(2);  // between an answer and the next request

struct Kept {
  Connection connection;
  Dialogue dialogue;
  Clock::time_point next;  // when it asks again, while nothing is under way
  Clock::time_point started;
  bool under_way = false;
};

}  // namespace

void RunStorm(const Options& options, s2n_config* config, const Cues& cues) {
  const Exchange exchange = Exchange::Of(options);
  EventLoop loop;
  Measurement measurement;
  std::array<char, 65536> buffer;
  std::vector<HandshakeSlot> slots;
  std::vector<Kept> kept;
  slots.reserve(options.connections);
  kept.reserve(options.kept);
  for (size_t i = 0; i < options.connections; ++i) slots.emplace_back(options.port, config);
  for (size_t i = 0; i < options.kept; ++i) {
    kept.push_back({{options.port, config}, {}, {}, {}});
    kept[i].connection.Open();
    loop.Watch(kept[i].connection.descriptor(), options.connections + i);
    while (kept[i].connection.Establish() == Progress::kBlocked) loop.Wait();
  }
  const auto ask = [&](Kept& one) {
    one.started = Clock::now();
    one.under_way = true;
    one.dialogue.Start(exchange.request, 0, 0);
  };
  const auto answered = [&](Kept& one) {
    if (!one.under_way || !one.dialogue.Advance(one.connection, buffer.data(), buffer.size()))
      return false;
    one.under_way = false;
    one.next = Clock::now() + kThought;
    return true;
  };

  cues.wait_for_go();
  const auto idle_before = loop.idle();
  const auto began = Clock::now();
  const auto deadline = began + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(options.seconds));
  size_t open = slots.size();
  for (size_t i = 0; i < slots.size(); ++i) slots[i].Start(loop, i);
  const auto count = [&](Kept& one) {
    if (!answered(one)) return;
    measurement.latency.Add(Clock::now() - one.started);
    ++measurement.requests;
  };
  const auto pending = [&] {
    for (const Kept& one : kept) {
      if (one.under_way) return true;
    }
    return open > 0;
  };
  while (pending()) {
    const auto now = Clock::now();
    for (Kept& one : kept) {
      if (one.under_way || one.next > now || now >= deadline) continue;
      ask(one);
      count(one);
    }
    for (const size_t index : loop.Wait(now + std::chrono::microseconds(200))) {
      if (index >= slots.size()) {
        count(kept[index - slots.size()]);
        continue;
      }
      HandshakeSlot& slot = slots[index];
      if (!slot.Advance(nullptr, &measurement.agreement)) continue;
      measurement.units += 1;
      if (Clock::now() < deadline) {
        slot.Start(loop, index);
      } else {
        --open;
      }
    }
  }
  measurement.elapsed = Clock::now() - began;
  measurement.idle = loop.idle() - idle_before;
  cues.tell_then_wait(measurement);
  for (Kept& one : kept) {
    while (one.connection.CloseInOrder() == Progress::kBlocked) {
      loop.Wait(Clock::now() + std::chrono::milliseconds(1));
    }
  }
}

}  // namespace s2npkey::bench
