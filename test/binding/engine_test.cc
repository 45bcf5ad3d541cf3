// The engine without Node: real handshakes over TCP on loopback, signed by a script.
#include "engine/engine.h"

#include <openssl/nid.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <vector>

#include "aside.h"
#include "engine_fixture.h"
#include "handshaking_client.h"
#include "test.h"
#include "tls/error.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using tls::FailureKind;

}  // namespace

TEST(a_handshake_completes_with_a_signature_from_outside_and_bytes_flow_both_ways) {
  struct Case {
    const char* policy;
    int protocol;
  };
  for (const Case& tried : {Case{"default", 34}, Case{"default_tls13", 34}, Case{"20240501", 33}}) {
    EngineFixture server(P256());
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp), tried.policy, "name.example");
    const auto sign = server.Expect(Kind::kSign);
    EXPECT(sign.has_value());
    EXPECT_EQ(sign->stream, accepted.stream);
    server.Complete(*sign, server.Sign(*sign));
    auto secure = server.Expect(Kind::kSecure);
    EXPECT(secure.has_value());
    EXPECT(peer.done.get());
    EXPECT_EQ(secure->secure().facts.protocol_version, tried.protocol);
    EXPECT_EQ(secure->secure().facts.server_name, std::string("name.example"));
    EXPECT_EQ(std::string(secure->secure().facts.cipher), std::string(peer.client.Cipher()));
    EXPECT_EQ(secure->secure().endpoints.remote.host, std::string("127.0.0.1"));
    EXPECT(secure->secure().timing.signature_applied >= secure->secure().timing.signature_asked);

    const int javascript = secure->secure().descriptor.get();
    EXPECT(peer.client.Send("question"));
    EXPECT_EQ(ReadSome(javascript), std::string("question"));
    EXPECT(WriteAll(javascript, "answer"));
    EXPECT_EQ(peer.client.Receive(), std::string("answer"));

    EXPECT(peer.client.CloseNotify());
    EXPECT_EQ(ReadAll(javascript), std::string());
    secure->secure().descriptor.Close();
    EXPECT(server.Expect(Kind::kClosed).has_value());
    peer.client.Close();
    EXPECT(server.Empty());
  }
}

TEST(every_kind_of_key_signs) {
  const std::vector<Identity> identities = {P256(), Identity::Ecdsa(NID_secp384r1),
                                            Identity::Ecdsa(NID_secp521r1), Identity::Rsa(2048)};
  for (const Identity& identity : identities) {
    for (const char* policy : {"default", "20240501"}) {
      EngineFixture server(identity);
      Accepted accepted = server.Accept();
      HandshakingClient peer(std::move(accepted.client_tcp), policy);
      const auto sign = server.Expect(Kind::kSign);
      EXPECT(sign.has_value());
      server.Complete(*sign, server.Sign(*sign));
      const auto secure = server.Expect(Kind::kSecure);
      EXPECT(secure.has_value());
      EXPECT_EQ(secure->secure().facts.signature_scheme, sign->sign().scheme);
      EXPECT(peer.done.get());
    }
  }
}

TEST(a_local_key_signs_on_the_engine_thread_and_nothing_is_asked) {
  EngineFixture server(P256(), true);
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  EXPECT(server.Expect(Kind::kSecure).has_value());
  EXPECT(peer.done.get());
}

TEST(a_wrong_signature_ends_the_handshake_and_is_named) {
  const Identity other = Identity::Ecdsa(NID_X9_62_prime256v1);
  const auto other_key = tls::LocalKey::FromPem(other.private_key_pem, "");
  EngineFixture server(P256());
  struct Case {
    const char* what;
    std::function<std::vector<uint8_t>(const engine::Event&)> answer;
  };
  const std::vector<Case> cases = {
      {"by another key",
       [&](const engine::Event& event) {
         std::vector<uint8_t> signature;
         other_key->Sign(event.sign().scheme, event.sign().input.data(), event.sign().input.size(),
                         &signature);
         return signature;
       }},
      {"over another input",
       [&](const engine::Event& event) {
         memory::SecretBytes input = event.sign().input;
         input[0] ^= 1;
         std::vector<uint8_t> signature;
         server.key->Sign(event.sign().scheme, input.data(), input.size(), &signature);
         return signature;
       }},
      {"empty", [](const engine::Event&) { return std::vector<uint8_t>(); }},
      {"oversized", [](const engine::Event&) { return std::vector<uint8_t>(100000, 7); }},
      {"garbage", [](const engine::Event&) { return std::vector<uint8_t>(70, 7); }},
  };
  for (const Case& tried : cases) {
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp));
    const auto sign = server.Expect(Kind::kSign);
    EXPECT(sign.has_value());
    server.Complete(*sign, tried.answer(*sign));
    const auto failed = server.Expect(Kind::kFailed);
    EXPECT(failed.has_value());
    EXPECT(failed->failure().kind == FailureKind::kSignature);
    shutdown(peer.client.fd(), SHUT_RDWR);
    EXPECT(!peer.done.get());
  }
}

TEST(a_signature_that_comes_twice_late_or_for_another_operation_is_dropped) {
  EngineFixture server(P256());
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  const auto sign = server.Expect(Kind::kSign);
  EXPECT(sign.has_value());
  engine::SignAsked another;
  another.operation = sign->sign().operation + 1000;
  const engine::Event stranger{sign->stream, another};
  server.Complete(stranger, std::vector<uint8_t>(70, 1));
  const std::vector<uint8_t> signature = server.Sign(*sign);
  server.Complete(*sign, signature);
  server.Complete(*sign, signature);
  auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(peer.done.get());
  server.Complete(*sign, std::vector<uint8_t>(70, 1));
  EXPECT(peer.client.Send("still here"));
  EXPECT_EQ(ReadSome(secure->secure().descriptor.get()), std::string("still here"));
}

TEST(a_peer_that_goes_while_the_signature_is_awaited_is_noticed_at_once) {
  EngineFixture server(P256());
  Accepted accepted = server.Accept();
  {
    Client client(std::move(accepted.client_tcp), "default");
    auto done = RunAside([&] { return client.Handshake(); });
    const auto sign = server.Expect(Kind::kSign);
    EXPECT(sign.has_value());
    shutdown(client.fd(), SHUT_RDWR);
    EXPECT(!done.get());
    client.Close();
    const auto failed = server.Expect(Kind::kFailed);
    EXPECT(failed.has_value());
    EXPECT(failed->failure().kind == FailureKind::kClosed ||
           failed->failure().kind == FailureKind::kReset);
    server.Complete(*sign, server.Sign(*sign));  // late: nobody is there
  }
  EXPECT(server.Empty());
}

TEST(the_handshake_deadline_holds_while_the_signer_is_silent) {
  EngineFixture server(P256());
  Accepted accepted = server.Accept(std::chrono::milliseconds(2000));
  HandshakingClient peer(std::move(accepted.client_tcp));
  EXPECT(server.Expect(Kind::kSign).has_value());
  const auto failed = server.Expect(Kind::kFailed);
  EXPECT(failed.has_value());
  EXPECT(failed->failure().kind == FailureKind::kTimeout);
  EXPECT_EQ(failed->failure().alert, 80);  // internal_error: it was not the peer's fault
  EXPECT(!peer.done.get());
  peer.client.Close();
  EXPECT(server.Empty());
}

TEST(a_handshake_has_all_of_its_time_however_long_the_engine_slept_before_it) {
  EngineFixture server(P256());
  server.Accept().client_tcp.Close();
  EXPECT(server.Expect(Kind::kFailed).has_value());
  EXPECT(server.Empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(2000));  // what is slept is the matter
  Accepted accepted = server.Accept(std::chrono::milliseconds(1000));
  HandshakingClient peer(std::move(accepted.client_tcp));
  EXPECT(server.SignsWhenAsked());
  EXPECT(server.Expect(Kind::kSecure).has_value());
  EXPECT(peer.done.get());
}

// RFC 8446 section 6.2 would name an alert; s2n's rule against timing oracles comes before it.
TEST(a_record_that_does_not_decrypt_is_answered_by_silence) {
  EngineFixture server(P256());
  Accepted accepted = server.Accept();
  const int tcp = dup(accepted.client_tcp.get());
  const engine::Descriptor raw(tcp);
  HandshakingClient peer(std::move(accepted.client_tcp));
  auto sign = server.Expect(Kind::kSign);
  EXPECT(sign.has_value());
  shutdown(peer.client.fd(), SHUT_RD);  // the client's own handshake ends here
  EXPECT(!peer.done.get());
  const std::string forged = std::string("\x17\x03\x03\x00\x35", 5) + std::string(0x35, 'x');
  EXPECT(WriteAll(tcp, forged));
  server.Complete(*sign, server.Sign(*sign));
  const auto failed = server.Expect(Kind::kFailed);
  EXPECT(failed.has_value());
  EXPECT_EQ(failed->failure().alert, -1);
  EXPECT_EQ(server.engine->Statistics().silent, uint64_t{1});
}

TEST(a_peer_that_says_nothing_or_no_tls_is_refused) {
  EngineFixture server(P256());
  {
    const Accepted silent = server.Accept(std::chrono::milliseconds(50));
    const auto failed = server.Expect(Kind::kFailed);
    EXPECT(failed.has_value());
    EXPECT(failed->failure().kind == FailureKind::kTimeout);
  }
  {
    const Accepted http = server.Accept();
    EXPECT(WriteAll(http.client_tcp.get(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    const auto failed = server.Expect(Kind::kFailed);
    EXPECT(failed.has_value());
    EXPECT(failed->failure().kind == FailureKind::kNotTls);
    EXPECT_EQ(ReadAll(http.client_tcp.get()).substr(0, 12), std::string("HTTP/1.1 400"));
  }
  EXPECT(server.Empty());
}

TEST(megabytes_arrive_whole_in_both_directions_at_once) {
  EngineFixture server(P256(), true);
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(peer.done.get());
  const int javascript = secure->secure().descriptor.get();
  const std::string up = Pattern(5 * 1024 * 1024);
  const std::string down = Pattern(7 * 1024 * 1024 + 13);
  auto echoed = RunAside([&] { return ReadAll(javascript); });
  auto answered = RunAside([&] { return WriteAll(javascript, down); });
  auto sent = RunAside([&] { return peer.client.Send(up) && peer.client.CloseNotify(); });
  std::string received;
  while (received.size() < down.size()) {
    const std::string part = peer.client.Receive();
    if (part.empty()) break;
    received += part;
  }
  EXPECT(received == down);
  EXPECT(answered.get());
  EXPECT(sent.get());
  EXPECT(echoed.get() == up);
}

TEST(key_updates_of_the_peer_are_followed) {
  EngineFixture server(P256(), true);
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp), "default_tls13");
  auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(peer.done.get());
  for (int i = 0; i < 50; i++) {
    const std::string text = "after key update " + std::to_string(i);
    EXPECT(peer.client.UpdateKeys());
    EXPECT(peer.client.Send(text));
    EXPECT_EQ(ReadSome(secure->secure().descriptor.get()), text);
  }
  EXPECT(WriteAll(secure->secure().descriptor.get(), "still here"));
  EXPECT_EQ(peer.client.Receive(), std::string("still here"));
}

TEST(what_javascript_wrote_before_it_let_go_is_still_delivered) {
  EngineFixture server(P256(), true);
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(peer.done.get());
  const std::string last = Pattern(100000);
  EXPECT(WriteAll(secure->secure().descriptor.get(), last));
  secure->secure().descriptor.Close();
  std::string received;
  for (std::string part = peer.client.Receive(); !part.empty(); part = peer.client.Receive())
    received += part;
  EXPECT(received == last);
  EXPECT(server.Expect(Kind::kClosed).has_value());
  peer.client.Close();
  EXPECT(server.Empty());
}

TEST(a_reset_by_the_peer_is_told_before_the_plaintext_ends) {
  EngineFixture server(P256(), true);
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp));
  auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(peer.done.get());
  const linger abort{1, 0};
  setsockopt(peer.client.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  peer.client.Close();
  EXPECT_EQ(ReadAll(secure->secure().descriptor.get()), std::string());
  const auto error = server.Expect(Kind::kError);
  EXPECT(error.has_value());
  EXPECT(error->failure().kind == FailureKind::kReset);
  EXPECT(server.Expect(Kind::kClosed).has_value());
}

TEST(many_connections_over_several_threads_signed_from_another) {
  EngineFixture server(P256());
  server.engine->SetThreads(3);
  constexpr int kConnections = 60;
  std::vector<Aside<bool>> clients;
  for (int i = 0; i < kConnections; i++) {
    Accepted accepted = server.Accept();
    clients.push_back(RunAside([fd = accepted.client_tcp.Release()] {
      Client client(engine::Descriptor(fd), "default");
      return client.Handshake() && client.Send("ping") && client.Receive() == "ping";
    }));
  }
  int done = 0;
  std::vector<engine::Descriptor> open;
  while (done < kConnections) {
    auto event = server.sink->Next();
    EXPECT(event.has_value());
    if (!event) break;
    if (event->kind() == Kind::kSign) server.Complete(*event, server.Sign(*event));
    if (event->kind() == Kind::kSecure) {
      const std::string ping = ReadSome(event->secure().descriptor.get());
      EXPECT(WriteAll(event->secure().descriptor.get(), ping));
      open.push_back(std::move(event->secure().descriptor));
      done++;
    }
    EXPECT(event->kind() != Kind::kFailed);
  }
  for (Aside<bool>& client : clients) EXPECT(client.get());
  open.clear();
  EXPECT(server.Empty());
}

TEST(a_policy_and_a_certificate_that_can_never_agree_are_refused_with_the_reason) {
  const auto refusal = [](const Identity& identity, const char* policy) -> std::string {
    try {
      EngineFixture server(identity, false, policy);
    } catch (const tls::Error& error) {
      return std::string(error.code()) + ": " + error.what();
    }
    return "";
  };
  const Identity rsa = Identity::Rsa(2048);
  EXPECT(refusal(P256(), "no-such-policy").find("does not exist") != std::string::npos);
  EXPECT(refusal(P256(), "ELBSecurityPolicy-TLS-1-0-2015-04").find("below 1.2") !=
         std::string::npos);
  EXPECT(refusal(rsa, "ELBSecurityPolicy-TLS-1-2-2017-01").find("ERR_S2N_PKEY_SECURITY_POLICY") ==
         0);
  EXPECT(refusal(P256(), "rfc9151").find("no signature scheme") != std::string::npos ||
         refusal(P256(), "rfc9151").find("ERR_S2N_PKEY_SECURITY_POLICY") == 0);
  EXPECT_EQ(refusal(P256(), "default"), std::string());
  EXPECT_EQ(refusal(rsa, "default"), std::string());
}

}  // namespace s2npkey::test
