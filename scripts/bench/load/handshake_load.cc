#include <array>
#include <vector>

#include "connection.h"
#include "event_loop.h"
#include "exchange.h"
#include "handshake_slot.h"
#include "load.h"

namespace s2npkey::bench {

namespace {

// What a connection with a request on it gets to resume its session with. A ticket of TLS 1.3 may
// come with the response or after it.
std::vector<uint8_t> TakeSession(const Options& options, s2n_config* config) {
  EventLoop loop;
  Connection connection(options.port, config);
  connection.Open();
  loop.Watch(connection.descriptor(), 0);
  while (connection.Establish() == Progress::kBlocked) loop.Wait();
  const Exchange exchange = Exchange::Of(options);
  std::array<char, 65536> buffer;
  Dialogue dialogue;
  dialogue.Start(exchange.request, 0, 0);
  while (!dialogue.Advance(connection, buffer.data(), buffer.size())) loop.Wait();
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  while (connection.Session().empty()) {
    if (Clock::now() > deadline) throw LoadError("the server sent no session ticket");
    loop.Wait(Clock::now() + std::chrono::milliseconds(10));
    connection.Receive(buffer.data(), buffer.size());
  }
  std::vector<uint8_t> session = connection.Session();
  while (connection.CloseInOrder() == Progress::kBlocked) loop.Wait();
  return session;
}

}  // namespace

void RunHandshakes(const Options& options, s2n_config* config, const Cues& cues) {
  EventLoop loop;
  Measurement measurement;
  std::vector<uint8_t> session;
  if (options.resume) session = TakeSession(options, config);
  std::vector<HandshakeSlot> slots;
  slots.reserve(options.connections);
  for (size_t i = 0; i < options.connections; ++i) {
    slots.emplace_back(options.port, config);
    if (options.resume) slots.back().connection().Resume(session);
  }

  cues.wait_for_go();
  const auto idle_before = loop.idle();
  const auto began = Clock::now();
  const auto deadline = began + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(options.seconds));
  size_t open = slots.size();
  for (size_t i = 0; i < slots.size(); ++i) slots[i].Start(loop, i);
  while (open > 0) {
    for (const size_t index : loop.Wait()) {
      HandshakeSlot& slot = slots[index];
      const bool was_established = slot.established();
      const bool over = slot.Advance(&measurement.latency, &measurement.agreement);
      if (options.resume && slot.established() && !was_established && !slot.connection().resumed())
        throw LoadError("the server did not resume the session");
      if (!over) continue;
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
}

}  // namespace s2npkey::bench
