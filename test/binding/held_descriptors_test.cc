// Descriptors that the engine holds when JavaScript has no socket of them any more.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine_fixture.h"
#include "handshaking_client.h"
#include "stepped_server.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A client whose record fails, so that the engine is silent.
struct SilencedClient {
  explicit SilencedClient(SteppedServer* server)
      : peer(std::move(server->Accept().client_tcp)), javascript(server->Open(&peer)) {
    EXPECT(WriteAll(peer.client.fd(), std::string("\x17\x03\x03\x00\x20", 5) + Pattern(32)));
    EXPECT(server->Next()->kind() == Kind::kError);
    EXPECT(server->Next()->kind() == Kind::kClosed);
  }
  HandshakingClient peer;
  engine::Descriptor javascript;
};

int Unacknowledged(const engine::Descriptor& tcp) {
  int bytes = 0;
  EXPECT_EQ(ioctl(tcp.get(), SIOCOUTQ, &bytes), 0);
  return bytes;
}

}  // namespace

TEST(a_descriptor_is_counted_until_it_is_closed_however_the_connection_ends) {
  SteppedServer server;
  EXPECT_EQ(server.tally->count(), 0U);
  {
    const SilencedClient client(&server);  // JavaScript was told of its end
    EXPECT_EQ(server.tally->count(), 1U);
    server.Pass(milliseconds(30100));  // s2n's most
    EXPECT_EQ(server.Statistics().lingering, 1U);
    EXPECT_EQ(server.tally->count(), 1U);
  }
  EXPECT(server.Until([&] { return server.Statistics().descriptors == 0; }));
  EXPECT_EQ(server.tally->count(), 0U);
  {
    HandshakingClient peer(std::move(server.Accept().client_tcp));
    server.Open(&peer).Close();
    EXPECT(server.Next()->kind() == Kind::kClosed);
    EXPECT_EQ(server.Statistics().lingering, 1U);
    EXPECT_EQ(server.tally->count(), 1U);
  }
  EXPECT(server.Until([&] { return server.Statistics().descriptors == 0; }));
  EXPECT_EQ(server.tally->count(), 0U);
  server.Accept().client_tcp.Close();  // before it said anything
  EXPECT_EQ(server.tally->count(), 1U);
  EXPECT(server.Next()->kind() == Kind::kFailed);
  EXPECT_EQ(server.tally->count(), 0U);
}

TEST(of_more_silent_connections_than_the_limit_the_oldest_end_first_and_tell_no_time) {
  EXPECT_EQ(engine::Limits{}.silent, 1024U);
  EXPECT(engine::Limits{}.silent_tick == milliseconds(100));
  engine::Limits limits;
  limits.silent = 2;
  SteppedServer server(true, engine::Clock::now, limits);
  const milliseconds tick = limits.silent_tick;
  std::vector<std::unique_ptr<SilencedClient>> clients;
  const auto nothing_came = [&](size_t client) {
    return NothingToRead(clients[client]->peer.client.fd());
  };
  for (const int round : {0, 1}) {
    clients.clear();
    EXPECT(server.Until([&] { return server.Statistics().descriptors == 0; }));
    // At a time that is no tick, so that none passes before the test lets it.
    server.Pass(tick - server.now.time_since_epoch() % tick + milliseconds(10 + round));
    for (int i = 0; i < 4; i++) clients.push_back(std::make_unique<SilencedClient>(&server));
    EXPECT_EQ(server.Statistics().silent, 4U);
    server.Pass(milliseconds(89 - round));
    for (size_t i = 0; i < 4; i++) EXPECT(nothing_came(i));
    server.Pass(milliseconds(1));
    EXPECT_EQ(server.Statistics().silent, 2U);
    for (size_t i = 0; i < 2; i++) {
      EXPECT_EQ(clients[i]->peer.client.Receive(), std::string());
      EXPECT_EQ(clients[i]->peer.client.Ending(), std::string("alert 20"));
    }
    server.Pass(milliseconds(9800));  // s2n's least
    for (size_t i = 2; i < 4; i++) EXPECT(nothing_came(i));
    server.Pass(milliseconds(20300));  // s2n's most
    EXPECT_EQ(server.Statistics().silent, 0U);
  }
}

TEST(a_peer_that_acknowledges_a_little_now_and_then_has_30_seconds_after_the_last_was_written) {
  SteppedServer server;
  auto [accepted, connected] = ConnectedTcp();
  const int large = 212992;
  const int small = 4096;  // a little is what the peer's kernel tells of: half of that
  setsockopt(accepted.get(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  setsockopt(connected.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  const engine::Descriptor same(dup(accepted.get()));
  HandshakingClient peer(
      std::move(server.Adopt(std::move(accepted), std::move(connected)).client_tcp));
  engine::Descriptor javascript = server.Open(&peer);
  for (int i = 0; i < 3; i++) {  // less than the pair holds, each time
    EXPECT(WriteAll(javascript.get(), Pattern(90000)));
    server.Pass({});
  }
  javascript.Close();
  EXPECT(server.Next()->kind() == Kind::kClosed);
  std::vector<char> some(1024);
  for (int passed = 0; passed < 30; passed += 2) {
    EXPECT_EQ(server.Statistics().lingering, 1U);
    const int before = Unacknowledged(same);
    EXPECT(before > 0);
    EXPECT(server.Until([&] {
      recv(peer.client.fd(), some.data(), some.size(), MSG_DONTWAIT);
      return Unacknowledged(same) < before;
    }));
    server.Pass(seconds(2));
  }
  EXPECT_EQ(server.Statistics().descriptors, 0U);
  EXPECT(Unacknowledged(same) > 0);
}

}  // namespace s2npkey::test
