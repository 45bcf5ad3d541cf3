// Whatever a client may send in place of a handshake: hellos, alerts, HTTP, nonsense; whole or in
// pieces. Without the server's keys, so what follows the server's first flight can only be refused;
// client_records has the rest.
#include <memory>
#include <vector>

#include "commands.h"
#include "stepped_engine.h"
#include "target.h"

#include <sys/socket.h>

namespace s2npkey::fuzz {

FUZZ_TARGET(client_bytes) {
  SteppedEngine engine;
  const auto sink = std::make_shared<RecordingSink>();
  const auto kind = static_cast<ServerKind>(input.Below(kServerKinds));
  const size_t piece = input.Byte() == 0 ? SIZE_MAX : size_t{input.Byte()} + 1;
  const bool signs = input.Flag();
  auto [stream, tcp] = engine.Adopt(kind, sink, std::chrono::seconds(10));
  size_t received = 0;
  const auto read_all = [&, fd = tcp.get()] {
    uint8_t answer[4096];
    for (ssize_t part = 1; part > 0;) {
      part = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
      if (part > 0) received += static_cast<size_t>(part);
    }
  };
  size_t sent = 0;
  while (!input.empty()) {
    const std::vector<uint8_t> bytes = input.Take(piece);
    sent += bytes.size();
    if (send(tcp.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) <= 0) break;
    engine.Settle();
    read_all();
    if (signs && sink->operations().size() == 1) {
      const engine::Event& operation = sink->operations().front();
      test::CompleteSignature(engine.loop(), stream, operation.sign().operation,
                              ServerOf(kind).Sign(operation));
      engine.Settle();
    }
  }
  read_all();
  EXPECT(!sink->Of(stream).secure);
  EXPECT(sent > 0 || received == 0);
  shutdown(tcp.get(), SHUT_WR);
  engine.Settle();
  engine.Advance(std::chrono::seconds(40));  // the handshake's deadline, and then s2n's blinding
  engine.Settle();
  read_all();
  EXPECT(sink->Of(stream).ended);
  tcp.Close();
  engine.ExpectNothingLeft();
}

}  // namespace s2npkey::fuzz
