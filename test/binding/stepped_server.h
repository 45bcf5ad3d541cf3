// A server on a loop whose clock, and whose turns, are the test's.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "engine_fixture.h"
#include "handshaking_client.h"
#include "test.h"

namespace s2npkey::test {

// A loop that turns when it is told to, at the time it is told.
struct SteppedServer {
  explicit SteppedServer(bool signs_locally = true,
                         engine::TurnClock::Now clock = engine::Clock::now,
                         const engine::Limits& limits = {})
      : fixture(P256(), signs_locally), loop(engine::EngineLoop::Stepped{}, clock, limits) {}

  // With buffers of the kernel's choice, or with small ones.
  Accepted Accept(int buffers = 0) {
    auto [server, client] = ConnectedTcp();
    if (buffers > 0) {
      setsockopt(server.get(), SOL_SOCKET, SO_SNDBUF, &buffers, sizeof buffers);
      setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &buffers, sizeof buffers);
    }
    return Adopt(std::move(server), std::move(client));
  }
  Accepted Adopt(engine::Descriptor server, engine::Descriptor client) {
    loop.Adopt(++streams, std::move(server), fixture.contexts, fixture.sink,
               std::chrono::seconds(60), engine::DescriptorTally::Place(tally));
    return {streams, std::move(client)};
  }
  void Pass(std::chrono::nanoseconds time) {
    now += time;
    while (loop.Turn(now)) continue;
  }
  engine::LoopStatistics Statistics() {
    auto statistics = loop.Statistics();
    Pass({});
    return statistics.get();
  }
  // Turns, without a moment passing, until it is so.
  bool Until(const std::function<bool()>& so) {
    const auto limit = engine::Clock::now() + std::chrono::seconds(20);
    while (!so()) {
      if (engine::Clock::now() > limit) return false;
      Pass({});
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  std::optional<engine::Event> Next() {
    std::optional<engine::Event> event;
    Until([&] { return (event = fixture.sink->Next(0)).has_value(); });
    return event;
  }
  // Gives the kernel's two ends time to agree, and the loop none.
  void Settle() {
    for (int i = 0; i < 50; i++) {
      Pass({});
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  // An open connection's end of the pair.
  engine::Descriptor Open(HandshakingClient* peer) {
    auto secure = Next();
    EXPECT(secure.has_value() && secure->kind() == engine::Event::Kind::kSecure);
    EXPECT(peer->done.get());
    return std::move(secure->secure().descriptor);
  }

  EngineFixture fixture;
  const std::shared_ptr<engine::DescriptorTally> tally =
      std::make_shared<engine::DescriptorTally>();
  engine::EngineLoop loop;
  engine::Clock::time_point now = engine::Clock::now();
  engine::StreamId streams = 0;
};

inline bool NothingToRead(int fd) {
  char byte = 0;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

// What a client of s2n's begins with.
inline std::string ClientHello() {
  auto [server, client] = ConnectedTcp();
  HandshakingClient peer(std::move(client));
  std::string hello = ReadSome(server.get());
  server.Close();
  EXPECT(!peer.done.get());
  return hello;
}

}  // namespace s2npkey::test
