// What a peer can make an engine thread do at once, and how the connections share its time.
#include <openssl/nid.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "commands.h"
#include "memory/arena.h"
#include "s2n/internals.h"
#include "stepped_client.h"
#include "stepped_server.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using std::chrono::microseconds;

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kDataRecord = 23;
const std::string kKeyUpdate("\x18\x00\x00\x01\x00", 5);
const std::string kHelloRequest(4, '\0');

std::string Times(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; i++) all += text;
  return all;
}

// A clock that goes on by so much each time it is looked at.
microseconds a_look{0};
engine::Clock::time_point Looked() {
  static engine::Clock::time_point now;
  return now += a_look;
}

struct OpenServer {
  explicit OpenServer(const char* policy = "default")
      : accepted(server.Accept()), peer(std::move(accepted.client_tcp), policy) {
    javascript = server.Open(&peer);
  }
  // The failure that ends the connection, which the peer is told by this alert.
  tls::Failure EndsWith(int alert) {
    const auto error = server.Next();
    EXPECT(error.has_value() && error->kind() == Kind::kError);
    EXPECT(error->failure().kind == tls::FailureKind::kProtocol);
    EXPECT_EQ(error->failure().alert, alert);
    EXPECT_EQ(peer.client.Alert(), alert);
    return error->failure();
  }

  SteppedServer server;
  Accepted accepted;
  HandshakingClient peer;
  engine::Descriptor javascript;
};

}  // namespace

TEST(more_key_updates_than_32_without_data_end_the_connection_with_an_alert) {
  OpenServer open;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < S2NPKEY_MESSAGES_WITHOUT_DATA; i++)
      EXPECT(open.peer.client.SendKeyUpdate());
    EXPECT(open.peer.client.Send("x"));  // one byte is enough
    EXPECT(open.server.Until([&] { return !NothingToRead(open.javascript.get()); }));
    EXPECT_EQ(ReadSome(open.javascript.get()), std::string("x"));
  }
  for (int i = 0; i <= S2NPKEY_MESSAGES_WITHOUT_DATA; i++) EXPECT(open.peer.client.SendKeyUpdate());
  EXPECT_EQ(open.EndsWith(47).name, std::string("TOO_MANY_KEY_UPDATES"));
}

TEST(a_record_full_of_key_updates_is_refused_at_the_first) {
  OpenServer open;
  EXPECT(open.peer.client.SendRecord(kHandshakeRecord, Times(1600, kKeyUpdate)));
  EXPECT_EQ(open.EndsWith(10).name, std::string("NOT_ON_RECORD_BOUNDARY"));
}

TEST(more_requests_for_renegotiation_than_32_end_a_clients_connection) {
  SteppedClient open("20240501");
  EXPECT(open.server.SendRecord(kHandshakeRecord, Times(32, kHelloRequest)));
  EXPECT(open.server.Send("data"));
  EXPECT_EQ(open.ReadSome(), std::string("data"));
  EXPECT(open.server.SendRecord(kHandshakeRecord, Times(1000, kHelloRequest)));
  const auto error = open.Next();
  EXPECT(error.has_value() && error->kind() == Kind::kError);
  EXPECT(error->failure().kind == tls::FailureKind::kProtocol);
  EXPECT_EQ(open.server.Alert(), 47);
}

// RFC 8446 section 4.6.1, without a nonce. The ticket is a number.
std::string Ticket(uint8_t number) {
  const std::string body("\x00\x00\x1c\x20\x00\x00\x00\x00\x00\x00\x04tkt", 14);
  const std::string end("\x00\x00", 2);
  return std::string("\x04\x00\x00\x11", 4) + body + static_cast<char>(number) + end;
}

TEST(of_many_session_tickets_that_come_at_once_few_are_looked_at_and_fewer_are_kept) {
  SteppedClient open;
  std::string tickets;
  for (uint8_t number = 0; number < 200; number++) tickets += Ticket(number);
  // All of it has come before the engine reads.
  EXPECT(open.server.SendRecord(kHandshakeRecord, tickets));
  EXPECT(open.server.Send("data"));
  EXPECT_EQ(open.ReadSome(), std::string("data"));
  std::string kept;
  while (const auto event = open.sink->Next(0)) {
    EXPECT(event->kind() == Kind::kSession);
    const memory::SecretBytes& bytes = event->As<engine::SessionReceived>().session;
    const std::string session(bytes.begin(), bytes.end());
    const size_t at = session.find("tkt");
    EXPECT(at != std::string::npos);
    kept += " " + std::to_string(static_cast<uint8_t>(session[at + 3]));
  }
  EXPECT_EQ(kept, std::string(" 12 13 14 15"));
  // Those that come by twos are all of use.
  EXPECT(open.server.SendRecord(kHandshakeRecord, Ticket(201) + Ticket(202)));
  const auto first = open.Next();
  const auto second = open.Next();
  EXPECT(first.has_value() && first->kind() == Kind::kSession);
  EXPECT(second.has_value() && second->kind() == Kind::kSession);
}

TEST(records_without_data_end_the_connection_at_128_kib_with_an_alert) {
  OpenServer open;
  for (int i = 0; i < 2900; i++) EXPECT(open.peer.client.SendRecord(kDataRecord, ""));
  EXPECT(open.peer.client.Send("data"));
  EXPECT(open.server.Until([&] { return !NothingToRead(open.javascript.get()); }));
  for (int i = 0; i < 9000; i++) {
    if (!open.peer.client.SendRecord(kDataRecord, "")) break;
    if (i % 1000 == 0) open.server.Pass({});
  }
  open.EndsWith(10);
}

TEST(open_connections_have_two_milliseconds_of_a_turn_and_the_next_begins_where_they_ended) {
  SteppedServer server(true, Looked);
  std::vector<std::unique_ptr<HandshakingClient>> peers;
  std::vector<engine::Descriptor> javascript;
  a_look = {};
  for (int i = 0; i < 40; i++) {
    peers.push_back(std::make_unique<HandshakingClient>(server.Accept().client_tcp));
    javascript.push_back(server.Open(peers.back().get()));
  }
  server.Settle();
  for (const auto& peer : peers) EXPECT(peer->client.Send("a small request"));
  const auto served = [&] {
    int count = 0;
    for (const engine::Descriptor& end : javascript) count += NothingToRead(end.get()) ? 0 : 1;
    return count;
  };
  a_look = microseconds(1000);  // it is looked at once for each eight of them
  EXPECT(server.loop.Turn(server.now));
  EXPECT_EQ(served(), 16);
  EXPECT(server.loop.Turn(server.now));
  EXPECT_EQ(served(), 32);
  EXPECT(!server.loop.Turn(server.now));
  EXPECT_EQ(served(), 40);
}

TEST(a_connection_with_much_to_move_ends_its_chunk_when_the_time_is_over) {
  SteppedServer server(true, Looked);
  a_look = {};
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  const engine::Descriptor javascript = server.Open(&peer);
  const std::string records = peer.client.Records(Pattern(200000));
  EXPECT(WriteAll(peer.client.fd(), records));
  std::string received;
  std::vector<char> buffer(300000);
  a_look = engine::Scheduling{}.turn;
  int turns = 0;
  for (int tries = 0; received.size() < 200000 && tries < 10000; tries++) {
    server.loop.Turn(server.now);
    const ssize_t taken = read(javascript.get(), buffer.data(), buffer.size());
    if (taken < 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // TCP's turn
      continue;
    }
    EXPECT(taken <= 65536);
    received.append(buffer.data(), static_cast<size_t>(taken));
    turns++;
  }
  EXPECT(received == Pattern(200000));
  EXPECT(turns >= 4);
}

TEST(handshakes_have_as_much_time_of_a_turn_as_open_connections_took) {
  SteppedServer server(false, Looked);
  std::vector<std::unique_ptr<HandshakingClient>> peers;
  std::vector<engine::Descriptor> javascript;
  a_look = {};
  for (int i = 0; i < 32; i++) {
    peers.push_back(std::make_unique<HandshakingClient>(server.Accept().client_tcp));
    const auto sign = server.Next();
    EXPECT(sign.has_value() && sign->kind() == Kind::kSign);
    CompleteSignature(server.loop, sign->stream, sign->sign().operation,
                      server.fixture.Sign(*sign));
    javascript.push_back(server.Open(peers.back().get()));
  }
  server.Settle();
  const auto signatures_asked_in_a_turn = [&] {
    server.loop.Turn(server.now);
    int asked = 0;
    while (server.fixture.sink->Next(0)) asked++;
    return asked;
  };
  std::vector<engine::Descriptor> handshakes;
  for (int i = 0; i < 12; i++) {
    handshakes.push_back(server.Accept().client_tcp);
    EXPECT(WriteAll(handshakes.back().get(), ClientHello()));
  }
  a_look = microseconds(100);
  EXPECT_EQ(signatures_asked_in_a_turn(), 0);  // the turn that adopts them
  EXPECT_EQ(signatures_asked_in_a_turn(), 1);  // with nothing else to do, one by one
  EXPECT_EQ(signatures_asked_in_a_turn(), 1);
  for (const auto& peer : peers) EXPECT(peer->client.Send("a small request"));
  EXPECT_EQ(signatures_asked_in_a_turn(), 4);  // the clock was looked at four times in between
  for (const engine::Descriptor& end : javascript) EXPECT(!NothingToRead(end.get()));
  EXPECT_EQ(signatures_asked_in_a_turn(), 1);
}

namespace {

// Holds the thread that tells it something.
class HoldingSink final : public engine::EventSink {
 public:
  void Push(engine::Event&&) override {
    holds.set_value();
    released.wait();
  }
  void Wake() override {}
  engine::Ending EndingOf(engine::StreamId) override { return engine::Ending::kInOrder; }

  std::promise<void> holds;
  std::promise<void> release;

 private:
  std::shared_future<void> released = release.get_future().share();
};

}  // namespace

TEST(whoever_asks_a_thread_that_is_held_up_for_its_figures_has_those_of_before_in_time) {
  EngineFixture server(P256(), true);
  Accepted accepted = server.Accept();
  EXPECT(server.Until([](const auto& now) { return now.handshaking == 1; }));
  EXPECT(!server.engine->Statistics().stale);
  const auto sink = std::make_shared<HoldingSink>();
  auto [ours, theirs] = ConnectedTcp();
  server.engine->Adopt(std::move(ours), server.contexts, sink, std::chrono::seconds(60));
  EXPECT(WriteAll(theirs.get(), "\x01"));  // no TLS
  sink->holds.get_future().wait();
  for (int i = 0; i < 40; i++) {
    const engine::LoopStatistics now = server.engine->Statistics(std::chrono::milliseconds(1));
    EXPECT(now.stale);
    EXPECT_EQ(now.handshaking, 1U);
  }
  sink->release.set_value();
  EXPECT(server.Until([](const auto& now) { return !now.stale; }));
}

// What a client may begin with, and what makes no client hello of it.
TEST(a_connection_costs_none_of_s2ns_memory_before_a_client_hello_has_begun) {
  const std::string hello = ClientHello();
  SteppedServer server;
  const auto used = [] { return memory::Arena::Process().Statistics().bytes_in_use; };
  const uint64_t before = used();
  std::vector<engine::Descriptor> peers;
  const auto begin = [&](const std::string& bytes) {
    peers.push_back(server.Accept().client_tcp);
    EXPECT(WriteAll(peers.back().get(), bytes));
  };
  begin("\x80");
  begin("\x80\x40");
  begin(std::string("\x80\x40\x01\x03\x01") + std::string(50, '\0'));  // as SSLv2 wrote it
  begin("\x16");
  begin(std::string("\x16\x03\x01\x00\x01\x01", 6));  // a record of a byte, and no more
  begin(hello.substr(0, 127));
  server.Settle();
  EXPECT_EQ(server.Statistics().handshaking, 6U);
  EXPECT_EQ(used(), before);
  const auto refused = [&](const std::string& bytes, tls::FailureKind kind) {
    begin(bytes);
    const auto failed = server.Next();
    EXPECT(failed.has_value() && failed->kind() == Kind::kFailed);
    EXPECT(failed->failure().kind == kind);
    EXPECT_EQ(used(), before);
  };
  refused(std::string("\x80\x01\x01\x03\x01", 5), tls::FailureKind::kNotTls);
  refused(std::string("\x80\x40\x02\x03\x01", 5), tls::FailureKind::kNotTls);
  refused("\x16\x04", tls::FailureKind::kNotTls);
  refused(std::string("\x16\x03\x01\x00\x04\x02", 6), tls::FailureKind::kProtocol);
  refused(std::string("\x16\x03\x01\x00\x00", 5), tls::FailureKind::kProtocol);
  begin(hello.substr(0, 128));
  EXPECT(server.Until([&] { return used() > before; }));
}

TEST(a_peer_that_ends_before_its_client_hello_is_whole_sees_an_end_and_no_reset) {
  for (const size_t sent : {size_t{1}, size_t{6}, size_t{127}}) {
    SteppedServer server;
    engine::Descriptor peer = server.Accept().client_tcp;
    EXPECT(WriteAll(peer.get(), ClientHello().substr(0, sent)));
    server.Settle();
    EXPECT(shutdown(peer.get(), SHUT_WR) == 0);
    const auto failed = server.Next();
    EXPECT(failed.has_value() && failed->failure().kind == tls::FailureKind::kClosed);
    uint8_t byte = 0;
    pollfd ready{peer.get(), POLLIN, 0};
    EXPECT_EQ(poll(&ready, 1, 20000), 1);
    EXPECT_EQ(read(peer.get(), &byte, 1), 0);
  }
}

TEST(connections_whose_time_is_over_together_end_64_in_a_turn) {
  SteppedServer server;
  std::vector<engine::Descriptor> peers;
  for (int i = 0; i < 200; i++) peers.push_back(server.Accept().client_tcp);
  EXPECT_EQ(server.Statistics().handshaking, 200U);
  const auto ended_in_a_turn = [&] {
    server.loop.Turn(server.now);
    int ended = 0;
    while (server.fixture.sink->Next(0)) ended++;
    return ended;
  };
  server.now += std::chrono::seconds(61);
  for (const int ended : {64, 64, 64, 8, 0}) EXPECT_EQ(ended_in_a_turn(), ended);
}

TEST(a_client_hello_in_many_small_records_is_one) {
  const std::string hello = ClientHello().substr(5);
  SteppedServer server(false);
  Accepted accepted = server.Accept();
  for (size_t at = 0; at < hello.size(); at += 3) {
    const std::string part = hello.substr(at, 3);
    const std::string header("\x16\x03\x01\x00", 4);
    EXPECT(WriteAll(accepted.client_tcp.get(), header + static_cast<char>(part.size()) + part));
  }
  const auto sign = server.Next();
  EXPECT(sign.has_value() && sign->kind() == Kind::kSign);
}

}  // namespace s2npkey::test
