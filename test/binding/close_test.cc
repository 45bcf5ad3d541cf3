// How connections end, seen from both sides: the table in tls_stream.h.
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <string>
#include <thread>

#include "engine_fixture.h"
#include "handshaking_client.h"
#include "open_connection.h"
#include "test.h"

namespace s2npkey::test {

namespace {

int OptionOf(const engine::Descriptor& tcp, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(tcp.get(), level, name, &value, &size);
  return value;
}

using engine::Ending;
using Kind = engine::Event::Kind;
using tls::FailureKind;

// Longer than any test runs.
engine::Limits Patient() {
  engine::Limits limits;
  limits.delivery = limits.linger = std::chrono::hours(1);
  return limits;
}

// More than the pair holds (some 200 KB), and less than pair, engine and TCP hold together.
constexpr size_t kMoreThanThePair = 250000;

}  // namespace

TEST(a_peer_that_takes_nothing_is_reset_at_the_limit_once_javascript_has_let_go) {
  engine::Limits limits;
  limits.delivery = std::chrono::milliseconds(100);
  Open open(limits);
  EXPECT(!open.FillFromJavaScript().empty());
  open.javascript.Close();
  // A peer that sends all the time is no peer that takes. (Before, it would be one whose record
  // fails.)
  std::atomic<int> error{0};
  std::thread sender([&] {
    const std::string junk = Pattern(10000);
    while (send(open.peer.client.fd(), junk.data(), junk.size(), MSG_NOSIGNAL) > 0) continue;
    error = errno;
  });
  const auto closed = open.server.Expect(Kind::kClosed);
  sender.join();
  EXPECT(closed.has_value());
  EXPECT(error == ECONNRESET || error == EPIPE);
  EXPECT(open.server.Empty());
}

// RFC 8446 section 6.1
TEST(close_notify_is_sent_for_an_end_in_order_and_not_where_javascript_cut_it_off) {
  for (const char* policy : {"default_tls13", "20240501"}) {
    for (const Ending ending : {Ending::kInOrder, Ending::kCutOff}) {
      Open open(Patient(), policy);
      open.server.sink->ending = ending;
      const std::string written = open.FillFromJavaScript();
      open.javascript.Close();
      EXPECT(open.ReceiveAll() == written);
      EXPECT_EQ(open.peer.client.Ending(),
                std::string(ending == Ending::kInOrder ? "close_notify" : "FIN"));
      EXPECT(open.server.Expect(Kind::kClosed).has_value());
      open.peer.client.Close();
      EXPECT(open.server.Empty());
    }
  }
}

// The engine may see the end of the plaintext before the command Reset that JavaScript gave
// earlier.
TEST(an_end_by_reset_is_rst_though_its_command_has_not_come) {
  Open open(Patient());
  open.server.sink->ending = Ending::kReset;
  open.javascript.Close();
  EXPECT(open.server.Expect(Kind::kClosed).has_value());
  EXPECT_EQ(open.peer.client.Ending(), std::string("S2N_ERR_IO"));
  EXPECT(open.server.Empty());
}

TEST(an_environment_that_is_gone_did_not_end_its_connections_in_order) {
  Open open(Patient());
  open.server.sink->ending = Ending::kCutOff;  // it said nothing
  EXPECT(WriteAll(open.javascript.get(), "the last"));
  open.server.engine->EndStreamsOf(open.server.sink);
  EXPECT_EQ(open.ReceiveAll(), std::string("the last"));
  EXPECT_EQ(open.peer.client.Ending(), std::string("FIN"));
}

TEST(what_the_peer_sends_after_javascript_has_let_go_is_thrown_away_and_it_gets_what_was_written) {
  Open open(Patient());
  const std::string written = open.FillFromJavaScript();
  open.javascript.Close();
  EXPECT(open.peer.client.Send(Pattern(20 * 1024 * 1024)));  // it would hang, were it not read
  EXPECT(open.ReceiveAll() == written);
  EXPECT(open.server.Expect(Kind::kClosed).has_value());
  open.peer.client.Close();
  EXPECT(open.server.Empty());
}

TEST(what_the_peer_sends_after_its_close_notify_is_thrown_away_and_it_gets_its_answer) {
  Open open(Patient());
  EXPECT(open.peer.client.Send("question"));
  EXPECT(open.peer.client.CloseNotify());
  const std::string junk = Pattern(5 * 1024 * 1024);
  EXPECT(WriteAll(open.peer.client.fd(), junk));
  EXPECT_EQ(ReadAll(open.javascript.get()), std::string("question"));
  const std::string answer = Pattern(100000);
  EXPECT(WriteAll(open.javascript.get(), answer));
  open.javascript.Close();
  EXPECT(WriteAll(open.peer.client.fd(), junk));
  EXPECT(open.ReceiveAll() == answer);
  EXPECT(open.server.Expect(Kind::kClosed).has_value());  // and nothing of a missing close_notify
  open.peer.client.Close();
  EXPECT(open.server.Empty());
}

TEST(after_its_own_fin_the_engine_waits_for_the_peers_and_not_longer_than_the_limit) {
  for (const bool patient : {true, false}) {
    engine::Limits limits = Patient();
    if (!patient) limits.linger = std::chrono::milliseconds(20);
    Open open(limits);
    open.javascript.Close();
    EXPECT_EQ(open.ReceiveAll(), std::string());
    EXPECT(open.server.Expect(Kind::kClosed).has_value());
    if (patient) {
      EXPECT(open.server.Until([](const auto& now) { return now.lingering == 1; }));
      open.peer.client.Close();
    }
    EXPECT(open.server.Empty());
  }
}

TEST(what_came_before_a_reset_is_read_before_the_error_is_told) {
  Open open;
  const std::string sent = Pattern(kMoreThanThePair);
  EXPECT(open.peer.client.Send(sent));
  EXPECT(open.Acknowledged());
  open.ResetByPeer();
  EXPECT(ReadAll(open.javascript.get()) == sent);
  const auto error = open.server.Expect(Kind::kError);
  EXPECT(error.has_value());
  EXPECT(error->failure().kind == FailureKind::kReset);
  EXPECT_EQ(error->failure().system_error, ECONNRESET);
  EXPECT(open.server.Expect(Kind::kClosed).has_value());
  EXPECT(open.server.Empty());
}

TEST(keep_alive_gives_a_silent_peer_up_after_ten_probes_a_second_apart_as_libuv_does) {
  EngineFixture server(P256(), true);
  auto [accepted, connected] = ConnectedTcp();
  const engine::Descriptor same(dup(accepted.get()));
  const Accepted connection = server.Adopt(std::move(accepted), std::move(connected));
  server.engine->Tell(connection.stream,
                      [](engine::TlsStream& stream) { stream.SetKeepAlive(true, 7); });
  EXPECT(server.Until([&](const auto&) { return OptionOf(same, IPPROTO_TCP, TCP_KEEPCNT) == 10; }));
  EXPECT_EQ(OptionOf(same, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(OptionOf(same, IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(OptionOf(same, IPPROTO_TCP, TCP_KEEPINTVL), 1);
}

TEST(records_leave_as_they_are_made_unless_javascript_wants_them_gathered) {
  EngineFixture server(P256(), true);
  auto [accepted, connected] = ConnectedTcp();
  const engine::Descriptor same(dup(accepted.get()));
  const Accepted connection = server.Adopt(std::move(accepted), std::move(connected));
  const auto no_delay = [&same] { return OptionOf(same, IPPROTO_TCP, TCP_NODELAY); };
  EXPECT(server.Until([&](const auto&) { return no_delay() == 1; }));
  server.engine->Tell(connection.stream,
                      [](engine::TlsStream& stream) { stream.SetNoDelay(false); });
  EXPECT(server.Until([&](const auto&) { return no_delay() == 0; }));
}

TEST(what_came_before_a_record_that_fails_is_read_before_the_error_is_told_and_the_peer_waits) {
  Open open;
  const std::string sent = Pattern(kMoreThanThePair);
  EXPECT(open.peer.client.Send(sent));
  EXPECT(WriteAll(open.peer.client.fd(), std::string("\x17\x03\x03\x00\x20", 5) + Pattern(32)));
  EXPECT(open.Acknowledged());
  EXPECT(ReadAll(open.javascript.get()) == sent);
  const auto error = open.server.Expect(Kind::kError);
  EXPECT(error.has_value());
  EXPECT(error->failure().kind == FailureKind::kProtocol);
  EXPECT(open.server.Expect(Kind::kClosed).has_value());
  // s2n's blinding: nothing is sent and nothing closed for at least ten seconds.
  EXPECT(
      open.server.Until([](const auto& now) { return now.silent == 1 && now.descriptors == 1; }));
  char byte = 0;
  EXPECT(recv(open.peer.client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

TEST(whoever_writes_to_a_connection_that_broke_is_told_though_he_does_not_read) {
  Open open;
  EXPECT(open.peer.client.Send(Pattern(kMoreThanThePair)));
  EXPECT(open.Acknowledged());
  open.ResetByPeer();
  EXPECT(WriteAll(open.javascript.get(), "into the void"));
  const auto error = open.server.Expect(Kind::kError);
  EXPECT(error.has_value());
  EXPECT_EQ(error->failure().system_error, ECONNRESET);
  EXPECT(open.server.Expect(Kind::kClosed).has_value());
}

TEST(an_end_without_close_notify_is_told_before_it_and_the_other_direction_goes_on) {
  Open open;
  EXPECT(open.peer.client.Send("cut o"));
  shutdown(open.peer.client.fd(), SHUT_WR);
  EXPECT_EQ(ReadAll(open.javascript.get()), std::string("cut o"));
  EXPECT(open.server.Expect(Kind::kTruncated).has_value());
  EXPECT(WriteAll(open.javascript.get(), "an answer"));
  open.javascript.Close();
  EXPECT_EQ(open.ReceiveAll(), std::string("an answer"));
  EXPECT(open.server.Expect(Kind::kClosed).has_value());
  EXPECT(open.server.Empty());
}

TEST(a_peer_that_ended_in_order_and_then_went_breaks_what_is_written_to_it) {
  Open open;
  EXPECT(open.peer.client.CloseNotify());
  shutdown(open.peer.client.fd(), SHUT_WR);
  EXPECT_EQ(ReadAll(open.javascript.get()), std::string());
  open.ResetByPeer();
  const auto error = open.server.Expect(Kind::kError);
  EXPECT(error.has_value());
  EXPECT_EQ(error->failure().system_error, EPIPE);
  EXPECT(open.server.Expect(Kind::kClosed).has_value());
  EXPECT(open.server.Empty());
}

// As a child process has one between fork and exec, and whoever hands a socket to another process.
TEST(a_copy_of_its_descriptor_tells_the_engine_nothing_of_a_connection_that_is_over) {
  EngineFixture server(P256(), true);
  auto [accepted, connected] = ConnectedTcp();
  const engine::Descriptor copy(dup(accepted.get()));
  Accepted stream = server.Adopt(std::move(accepted), std::move(connected));
  HandshakingClient peer(std::move(stream.client_tcp));
  EXPECT(server.Expect(Kind::kSecure).has_value());
  EXPECT(peer.done.get());
  server.engine->Tell(stream.stream, &engine::TlsStream::Reset);
  EXPECT(server.Empty());
  const uint64_t turns = server.engine->Statistics().turns;
  for (int i = 1; i <= 20; i++) {
    EXPECT(WriteAll(peer.client.fd(), "x"));
    int arrived = 0;
    while (ioctl(copy.get(), FIONREAD, &arrived) == 0 && arrived < i) std::this_thread::yield();
  }
  EXPECT_EQ(server.engine->Statistics().turns, turns + 1);  // one to answer this
}

}  // namespace s2npkey::test
