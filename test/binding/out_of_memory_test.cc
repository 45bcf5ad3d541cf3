// Memory that runs out anywhere in an engine's turn ends the connection that wanted it, and nothing
// else: tried for each allocation of a connection's life.
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "commands.h"
#include "failing_allocator.h"
#include "stepped_server.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using std::chrono::seconds;

// What came of a connection.
struct Told {
  bool secure = false;
  bool broke = false;
  bool failed = false;
  int ends = 0;
  void Add(const engine::Event& event) {
    EXPECT_EQ(ends, 0);  // the last event is the last
    switch (event.kind()) {
      case Kind::kSecure:
        EXPECT(!secure);
        secure = true;
        return;
      case Kind::kError:
        EXPECT(secure && !broke);
        broke = true;
        return;
      case Kind::kFailed:
        EXPECT(!secure);
        failed = true;
        ends++;
        return;
      case Kind::kClosed:
        EXPECT(secure);
        ends++;
        return;
      default:
        return;
    }
  }
};

enum class End { kOrderly, kBadRecord, kReset, kBacklog, kTimeout };

// One connection from its first byte to its last, beside one that is open all the while. False:
// memory sufficed.
bool Live(End end, size_t succeed, size_t fail) {
  SteppedServer server(false);
  const auto signed_by = [&](const engine::Event& sign) {
    CompleteSignature(server.loop, sign.stream, sign.sign().operation, server.fixture.Sign(sign));
  };
  Accepted other = server.Accept();
  HandshakingClient bystander(std::move(other.client_tcp));
  signed_by(*server.Next());
  const engine::Descriptor others = server.Open(&bystander);

  FailingAllocations failing(succeed, fail);
  std::optional<FailingAllocations::Suspended> safe(std::in_place);
  Accepted accepted = server.Accept();
  auto peer = std::make_unique<HandshakingClient>(std::move(accepted.client_tcp));
  Told told;
  engine::Descriptor javascript;
  bool answered = false;
  bool ending = false;
  std::string backlog;
  int rounds = 0;
  const auto limit = engine::Clock::now() + seconds(20);
  while (told.ends == 0) {
    EXPECT(engine::Clock::now() < limit);
    safe.reset();
    server.loop.Turn(server.now);
    safe.emplace();
    while (auto event = server.fixture.sink->Next(0)) {
      EXPECT_EQ(event->stream, accepted.stream);
      told.Add(*event);
      if (event->kind() == Kind::kSign && end == End::kTimeout) server.now += seconds(61);
      if (event->kind() == Kind::kSign && end != End::kTimeout) signed_by(*event);
      if (event->kind() != Kind::kSecure) continue;
      javascript = std::move(event->secure().descriptor);
      (void)WriteAll(javascript.get(), Pattern(1000));
      if (peer->done.get()) (void)peer->client.Send(Pattern(30000));
    }
    char byte = 0;
    if (!answered && javascript && recv(javascript.get(), &byte, 1, MSG_DONTWAIT) == 1) {
      answered = true;
      (void)peer->client.SendKeyUpdate();
    }
    if (answered && !ending) {
      ending = true;
      server.now += seconds(2);  // it is idle
      safe.reset();
      server.loop.Turn(server.now);
      safe.emplace();
      switch (end) {
        case End::kTimeout:
        case End::kOrderly:
          javascript.Close();
          (void)peer->client.CloseNotify();
          peer->client.Close();
          break;
        case End::kBadRecord:
          (void)WriteAll(peer->client.fd(), std::string("\x17\x03\x03\x00\x20", 5) + Pattern(32));
          break;
        case End::kReset:
          server.loop.Tell(accepted.stream, &engine::TlsStream::Reset);
          break;
        case End::kBacklog:  // of what JavaScript does not read, and of what the peer does not
          backlog = peer->client.Records(Pattern(1000000));
          break;
      }
    }
    if (end == End::kBacklog && ending) {
      const ssize_t sent =
          send(peer->client.fd(), backlog.data(), backlog.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) backlog.erase(0, static_cast<size_t>(sent));
      const std::string more = Pattern(100000);
      (void)send(javascript.get(), more.data(), more.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (++rounds > 40) {
        javascript.Close();
        server.loop.Tell(accepted.stream, &engine::TlsStream::Reset);
      }
    }
    std::this_thread::yield();
  }
  const bool any = FailingAllocations::Any();
  javascript.Close();
  // The peer of a handshake that ended is not kept waiting for long.
  server.Pass(seconds(100));
  if (peer->done.valid()) {
    shutdown(peer->client.fd(), SHUT_RDWR);
    (void)peer->done.get();
  }
  peer.reset();
  EXPECT(server.Until([&] { return server.Statistics().descriptors == 2; }));
  EXPECT(bystander.client.Send("still here"));
  EXPECT(server.Until([&] { return !NothingToRead(others.get()); }));
  EXPECT_EQ(ReadSome(others.get()), std::string("still here"));
  return any;
}

}  // namespace

TEST(memory_that_runs_out_at_any_point_ends_one_connection_and_tells_it_once) {
  for (const End end :
       {End::kOrderly, End::kBadRecord, End::kReset, End::kBacklog, End::kTimeout}) {
    for (const size_t fail : {size_t{1}, size_t{3}, size_t{200}}) {
      size_t succeed = 0;
      while (Live(end, succeed, fail)) succeed++;
      EXPECT(succeed > 5);
    }
  }
}

}  // namespace s2npkey::test
