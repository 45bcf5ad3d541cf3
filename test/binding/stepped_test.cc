// What depends on time, on a loop whose clock is the test's.
#include <openssl/nid.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "arena_memory.h"
#include "aside.h"
#include "child_process.h"
#include "engine_fixture.h"
#include "handshaking_client.h"
#include "memory/arena.h"
#include "stepped_server.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A connection that holds more than its peer, with small buffers, takes at once.
struct Congested {
  Congested() : accepted(server.Accept(16384)), peer(std::move(accepted.client_tcp)) {
    javascript = server.Open(&peer);
    const std::string much = Pattern(1024 * 1024);
    for (ssize_t taken = 1; taken > 0;) {
      server.Pass({});
      taken = send(javascript.get(), much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    javascript.Close();
    server.Settle();
  }
  SteppedServer server;
  Accepted accepted;
  HandshakingClient peer;
  engine::Descriptor javascript;
};

}  // namespace

TEST(after_a_record_that_fails_the_engine_is_silent_as_long_as_s2n_says_and_serves_the_others) {
  SteppedServer server;
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  const engine::Descriptor javascript = server.Open(&peer);
  EXPECT(WriteAll(peer.client.fd(), std::string("\x17\x03\x03\x00\x20", 5) + Pattern(32)));
  const auto error = server.Next();
  EXPECT(error.has_value() && error->kind() == Kind::kError);  // JavaScript is told at once
  EXPECT_EQ(server.Statistics().silent, 1U);

  server.Pass(milliseconds(9900));  // s2n's least
  EXPECT_EQ(server.Statistics().silent, 1U);
  EXPECT(NothingToRead(peer.client.fd()));
  Accepted another = server.Accept();
  HandshakingClient meanwhile(std::move(another.client_tcp));
  EXPECT(server.Next()->kind() == Kind::kClosed);  // of the first: nothing it wrote is on its way
  server.Open(&meanwhile);

  server.Pass(milliseconds(20200));  // s2n's most
  EXPECT_EQ(server.Statistics().silent, 0U);
  EXPECT_EQ(peer.client.Receive(), std::string());
  EXPECT_EQ(peer.client.Ending(), std::string("alert 20"));  // bad_record_mac, and no close_notify
}

TEST(a_connection_that_breaks_delivers_what_the_engine_has_and_then_says_so) {
  SteppedServer server;
  Accepted accepted = server.Accept(16384);
  HandshakingClient peer(std::move(accepted.client_tcp));
  const engine::Descriptor javascript = server.Open(&peer);
  const std::string written = Pattern(90000);  // a turn's; more than TCP takes at once
  EXPECT(WriteAll(javascript.get(), written));
  server.Settle();
  EXPECT(WriteAll(peer.client.fd(), std::string("\x17\x03\x03\x00\x20", 5) + Pattern(32)));
  const auto error = server.Next();
  EXPECT(error.has_value() && error->kind() == Kind::kError);
  server.Pass(milliseconds(30100));  // s2n's most
  auto received = RunAside([&peer] {
    std::string all;
    for (std::string part = peer.client.Receive(); !part.empty(); part = peer.client.Receive())
      all += part;
    return all;
  });
  EXPECT(server.Until([&] { return received.HasEnded(); }));
  EXPECT(received.get() == written);
  EXPECT_EQ(peer.client.Ending(), std::string("alert 20"));
}

TEST(what_a_peer_sends_arrives_however_its_records_are_cut_and_whatever_their_size) {
  for (const char* policy : {"default_tls13", "20240501"}) {
    SteppedServer server;
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp), policy);
    const engine::Descriptor javascript = server.Open(&peer);
    for (const size_t cut : {1, 2, 5, 6, 22, 23, 1000, 16405, 16406, 16407, 40000, 200000}) {
      const std::string text = Pattern(cut < 22 ? 18818 : 68818);
      std::string records;
      size_t sent = 0;
      for (const size_t size : {1, 1023, 1024, 16384, 1, 2, 383, 50000}) {
        records += peer.client.Records(text.substr(sent, size));
        sent = std::min(sent + size, text.size());
        if (peer.client.Protocol() == S2N_TLS13) EXPECT(peer.client.UpdateKeys());
      }
      std::string received;
      std::vector<char> buffer(text.size());
      const auto take = [&] {
        server.Pass({});
        for (ssize_t taken = 0; (taken = read(javascript.get(), buffer.data(), buffer.size())) > 0;)
          received.append(buffer.data(), static_cast<size_t>(taken));
      };
      for (size_t at = 0; at < records.size(); at += cut) {
        EXPECT(WriteAll(peer.client.fd(), records.substr(at, cut)));
        take();
      }
      EXPECT(server.Until([&] {
        take();
        return received.size() >= text.size();
      }));
      EXPECT(received == text);
    }
  }
}

TEST(a_connection_keeps_memory_for_a_handshake_and_for_a_record_only_as_long_as_needed) {
  SteppedServer server;
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  const engine::Descriptor javascript = server.Open(&peer);
  const std::string record = peer.client.Records(Pattern(10000));
  const auto used = [] { return memory::Arena::Process().Statistics().bytes_in_use; };
  const uint64_t after_handshake = used();
  server.Pass(milliseconds(999));
  EXPECT_EQ(used(), after_handshake);
  server.Pass(milliseconds(1001));
  const uint64_t before = used();
  EXPECT(before + 16000 <= after_handshake);
  EXPECT(WriteAll(peer.client.fd(), record.substr(0, 6000)));
  EXPECT(server.Until([&] { return used() >= before + 5000; }));
  server.Pass(milliseconds(2000));
  EXPECT(used() <= before + 8000);  // as much as came of it
  EXPECT(WriteAll(peer.client.fd(), record.substr(6000)));
  EXPECT(server.Until([&] { return used() == before; }));
  EXPECT_EQ(ReadSome(javascript.get()), Pattern(10000));
  // What was given back for sending comes again, too.
  EXPECT(WriteAll(javascript.get(), Pattern(20000)));
  EXPECT(server.Until([&] { return !NothingToRead(peer.client.fd()); }));
  std::string answer;
  while (answer.size() < 20000) answer += peer.client.Receive();
  EXPECT(answer == Pattern(20000));
}

TEST(memory_that_runs_out_within_s2n_ends_the_connection_and_is_told_as_such) {
  ExpectInChild([] {
    SteppedServer server;
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp));
    const engine::Descriptor javascript = server.Open(&peer);
    const std::string record = peer.client.Records("of which a part comes");
    server.Pass(milliseconds(1001));

    LimitAddressSpace(200 << 10);  // less than the arena takes at a time
    size_t usable = 0;
    for (const memory::ArenaSizeClass& chunks : memory::kArenaSizeClasses) {
      while (memory::Arena::Process().Allocate(chunks.size, &usable)) continue;
    }
    EXPECT(WriteAll(peer.client.fd(), record.substr(0, record.size() - 1)));
    const auto told = server.Next();
    EXPECT(told.has_value());
    EXPECT(told->kind() == Kind::kError);
    EXPECT(told->failure().kind == tls::FailureKind::kResources);
    EXPECT_EQ(told->failure().message, std::string("no memory is left"));
    // An alert takes memory, too.
    EXPECT_EQ(peer.client.Receive(), std::string());
    const std::string ending = peer.client.Ending();
    EXPECT(ending == "FIN" || ending == "alert 80");
  });
}

TEST(memory_that_idle_connections_gave_back_goes_to_the_kernel_half_a_second_later) {
  SteppedServer server;
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  const engine::Descriptor javascript = server.Open(&peer);
  memory::Arena& arena = memory::Arena::Process();
  std::vector<uint8_t*> chunks;
  for (int i = 0; i < 60; i++) chunks.push_back(Take(&arena, 17413));
  for (uint8_t* chunk : chunks) std::memset(chunk, 1, 17413);
  for (uint8_t* chunk : chunks) arena.Free(chunk);
  const size_t used = Resident(chunks, 17413);
  EXPECT(used >= 45U * 3 * 4096);
  server.Pass(milliseconds(1000));  // now it is idle
  server.Pass(milliseconds(499));
  EXPECT_EQ(Resident(chunks, 17413), used);
  server.Pass(milliseconds(1));
  if (arena.Statistics().bytes_locked == 0 || LockedPagesCanBeGivenBack())
    EXPECT(Resident(chunks, 17413) <= used / 2);
}

TEST(a_peer_that_takes_nothing_has_five_minutes_once_javascript_has_let_go) {
  Congested congested;
  SteppedServer& server = congested.server;
  server.Pass(milliseconds(299900));
  EXPECT_EQ(server.Statistics().open, 1U);
  EXPECT(WriteAll(congested.peer.client.fd(), "it sends, and that does not count"));
  server.Pass({});
  server.Pass(milliseconds(200));
  EXPECT_EQ(server.Statistics().open + server.Statistics().lingering, 0U);
  EXPECT_EQ(server.Statistics().descriptors, 0U);
}

TEST(a_peer_that_takes_something_every_29_seconds_gets_all_of_it) {
  Congested congested;
  SteppedServer& server = congested.server;
  std::vector<char> some(1024 * 1024);
  int rounds = 0;
  for (ssize_t taken = 1; taken != 0; rounds++) {  // 0: FIN, in order
    EXPECT(server.Until([&] { return !NothingToRead(congested.peer.client.fd()); }));
    taken = recv(congested.peer.client.fd(), some.data(), some.size(), MSG_DONTWAIT);
    EXPECT(taken >= 0);
    server.Settle();
    server.Pass(seconds(29));
  }
  EXPECT(rounds > 2);
}

TEST(a_peer_that_takes_a_little_now_and_then_has_15_minutes_once_javascript_has_let_go) {
  Congested congested;
  SteppedServer& server = congested.server;
  std::vector<char> some(16000);
  for (int minutes = 0; minutes < 16; minutes++) {
    if (minutes < 14) EXPECT_EQ(server.Statistics().open, 1U);
    recv(congested.peer.client.fd(), some.data(), some.size(), MSG_DONTWAIT);
    server.Settle();
    server.Pass(seconds(60));
  }
  EXPECT_EQ(server.Statistics().descriptors, 0U);
}

TEST(a_connection_that_is_silent_after_an_error_ends_when_its_peer_resets) {
  SteppedServer server;
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  const engine::Descriptor javascript = server.Open(&peer);
  EXPECT(WriteAll(peer.client.fd(), std::string("\x17\x03\x03\x00\x20", 5) + Pattern(32)));
  EXPECT(server.Next()->kind() == Kind::kError);
  EXPECT_EQ(server.Statistics().silent, 1U);
  const linger abort{1, 0};
  setsockopt(peer.client.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  peer.client.Close();
  EXPECT(server.Until([&] { return server.Statistics().descriptors == 0; }));
}

TEST(an_engine_whose_peers_take_nothing_sleeps) {
  EngineFixture server(P256(), true);
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(peer.done.get());
  const std::string much = Pattern(1024 * 1024);
  uint64_t turns = 0;
  int alone = 0;
  EXPECT(server.Until([&](const engine::LoopStatistics& now) {
    if (send(secure->secure().descriptor.get(), much.data(), much.size(), MSG_NOSIGNAL) > 0)
      return false;
    alone = now.turns == turns + 1 ? alone + 1 : 0;  // one turn, by this very question
    turns = now.turns;
    return alone == 20;
  }));
}

}  // namespace s2npkey::test
