// The life of a private-key operation: whatever becomes of it, it is freed once, its signature is
// used for its own handshake or for nothing, and nothing is sent that the certificate's key did not
// sign.
#include <openssl/nid.h>
#include <sys/socket.h>

#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "engine_fixture.h"
#include "handshaking_client.h"
#include "memory/arena.h"
#include "tcp_counters.h"
#include "test.h"
#include "tls/alert_description.h"
#include "tls/s2n_handles.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using tls::FailureKind;

uint64_t OutstandingOperations() { return tls::outstanding_operations.load(); }

size_t OpenDescriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

// The client's thread goes first: what it reads from may not be closed under it.
void ResetByPeer(HandshakingClient& peer) {
  const linger abort{1, 0};
  setsockopt(peer.client.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  shutdown(peer.client.fd(), SHUT_RD);
  peer.done.wait();
  peer.client.Close();
}

// One way in which an operation may end.
struct Ending {
  const char* name;
  std::function<void(EngineFixture&, HandshakingClient&, const engine::Event&)> happens;
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
};

const std::vector<Ending>& Endings() {
  static const std::vector<Ending> endings = {
      {"signed", [](EngineFixture& server, HandshakingClient&,
                    const engine::Event& sign) { server.Complete(sign, server.Sign(sign)); }},
      {"signed wrongly",
       [](EngineFixture& server, HandshakingClient&, const engine::Event& sign) {
         server.Complete(sign, std::vector<uint8_t>(70, 7));
       }},
      {"answered with nothing", [](EngineFixture& server, HandshakingClient&,
                                   const engine::Event& sign) { server.Complete(sign, {}); }},
      {"never answered", [](EngineFixture&, HandshakingClient&, const engine::Event&) {},
       std::chrono::milliseconds(300)},
      {"the peer ends", [](EngineFixture&, HandshakingClient& peer,
                           const engine::Event&) { shutdown(peer.client.fd(), SHUT_WR); }},
      {"the peer resets",
       [](EngineFixture&, HandshakingClient& peer, const engine::Event&) { ResetByPeer(peer); }},
      {"JavaScript destroys it",
       [](EngineFixture& server, HandshakingClient&, const engine::Event& sign) {
         server.engine->Tell(sign.stream, [](engine::TlsStream& stream) {
           stream.Destroy(tls::alert::kInternalError);
         });
       }},
      {"JavaScript resets it",
       [](EngineFixture& server, HandshakingClient&, const engine::Event& sign) {
         server.engine->Tell(sign.stream, &engine::TlsStream::Reset);
       }},
      {"its environment ends",
       [](EngineFixture& server, HandshakingClient&, const engine::Event&) {
         server.engine->EndStreamsOf(server.sink);
       }},
      {"its engine ends",
       [](EngineFixture& server, HandshakingClient&, const engine::Event&) {
         server.engine = std::make_shared<engine::Engine>();
       }},
  };
  return endings;
}

// Plays one ending, then answers late, and leaves. Returns what is then held.
struct Held {
  uint64_t operations = 0;
  size_t descriptors = 0;
  uint64_t arena = 0;
};

Held Play(const Ending& ending) {
  {
    EngineFixture server(P256());
    Accepted accepted = server.Accept(ending.timeout);
    HandshakingClient peer(std::move(accepted.client_tcp));
    const auto sign = server.Expect(Kind::kSign);
    EXPECT(sign.has_value());
    EXPECT_EQ(OutstandingOperations(), 1U);
    ending.happens(server, peer, *sign);
    EXPECT(server.Until([](const auto& now) { return now.awaiting_signature == 0; }));
    EXPECT_EQ(
        std::string(ending.name) + ", operations left: " + std::to_string(OutstandingOperations()),
        std::string(ending.name) + ", operations left: 0");
    // Late, and twice.
    for (int i = 0; i < 2; i++) {
      if (engine::EngineLoop* loop = server.engine->LoopOf(sign->stream))
        CompleteSignature(*loop, sign->stream, sign->sign().operation, server.Sign(*sign));
    }
    if (peer.client.fd() >= 0) shutdown(peer.client.fd(), SHUT_RDWR);
    peer.done.get();
  }
  return {OutstandingOperations(), OpenDescriptors(),
          memory::Arena::Process().Statistics().bytes_in_use};
}

}  // namespace

TEST(however_an_operation_ends_nothing_of_it_is_left) {
  Play(Endings().front());  // what this thread keeps from its first connection on
  for (const Ending& ending : Endings()) {
    const Held before = Play(ending);
    const Held after = Play(ending);
    EXPECT_EQ(after.operations, 0U);
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.arena, before.arena);
  }
}

TEST(a_signature_is_of_use_to_its_own_handshake_only) {
  EngineFixture server(P256());
  Accepted one = server.Accept();
  HandshakingClient first(std::move(one.client_tcp));
  const auto first_sign = server.Expect(Kind::kSign);
  EXPECT(first_sign.has_value());
  Accepted other = server.Accept();
  HandshakingClient second(std::move(other.client_tcp));
  const auto second_sign = server.Expect(Kind::kSign);
  EXPECT(second_sign.has_value());
  EXPECT(first_sign->sign().operation != second_sign->sign().operation);
  EXPECT(first_sign->sign().input != second_sign->sign().input);

  // The first's, under the name of the second's connection: dropped, and the second is none the
  // worse.
  const engine::Event mixed_up{second_sign->stream, first_sign->sign()};
  server.Complete(mixed_up, server.Sign(*first_sign));
  server.Complete(*second_sign, server.Sign(*second_sign));
  const auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT_EQ(secure->stream, second_sign->stream);
  EXPECT(second.done.get());

  // And with the bytes of the other's: refused.
  server.Complete(*first_sign, server.Sign(*second_sign));
  const auto failed = server.Expect(Kind::kFailed);
  EXPECT(failed.has_value());
  EXPECT(failed->failure().kind == FailureKind::kSignature);
  EXPECT_EQ(failed->failure().name, std::string("S2N_ERR_VERIFY_SIGNATURE"));
  shutdown(first.client.fd(), SHUT_RDWR);
  EXPECT(!first.done.get());
}

TEST(after_a_wrong_signature_an_alert_is_sent_and_nothing_of_the_handshake) {
  constexpr uint64_t kAlertAndFin =
      5 + 2 + 1 + 16 + 1;  // RFC 8446 section 5.2; a FIN counts as one
  for (const char* policy : {"20240501", "default_tls13"}) {  // TLS 1.2 and 1.3
    EngineFixture server(P256());
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp), policy);
    const auto sign = server.Expect(Kind::kSign);
    EXPECT(sign.has_value());
    const uint64_t before = ReceivedBy(peer.client.fd()).bytes;
    server.Complete(*sign, std::vector<uint8_t>(70, 7));
    EXPECT(server.Expect(Kind::kFailed).has_value());
    EXPECT(!peer.done.get());  // it has seen the end
    const uint64_t sent = ReceivedBy(peer.client.fd()).bytes - before;
    EXPECT(sent <= kAlertAndFin);
  }
}

TEST(a_flight_is_written_at_once_however_many_messages_it_has) {
  struct Case {
    const char* policy;
    bool signs_locally;
    uint32_t writes;
  };
  // TLS 1.3, without a HelloRetryRequest: ServerHello to Finished; from outside: up to Certificate,
  // and what the signature allows. TLS 1.2: ServerHello to ServerHelloDone; ChangeCipherSpec and
  // Finished.
  for (const Case& tried :
       {Case{"20190801", true, 1}, Case{"20190801", false, 2}, Case{"20240501", true, 2}}) {
    EngineFixture server(P256(), tried.signs_locally);
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp), tried.policy);
    if (!tried.signs_locally) {
      const auto sign = server.Expect(Kind::kSign);
      EXPECT(sign.has_value());
      server.Complete(*sign, server.Sign(*sign));
    }
    const auto secure = server.Expect(Kind::kSecure);  // kept: its end would be told to the peer
    EXPECT(secure.has_value());
    EXPECT(peer.done.get());
    EXPECT_EQ(ReceivedBy(peer.client.fd()).segments, tried.writes);
  }
}

}  // namespace s2npkey::test
