// Session tickets: resumption without a signature, what a ticket is good for, and when it travels.
#include "tls/session_tickets.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "aside.h"
#include "engine_fixture.h"
#include "test.h"
#include "tls/error.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;

tls::TicketKey KeyOf(uint8_t fill, int64_t since_from_now = 0) {
  tls::TicketKey key;
  key.name.fill(fill);
  key.secret.fill(static_cast<uint8_t>(fill + 100));
  key.since = static_cast<uint64_t>(std::time(nullptr) + since_from_now);
  return key;
}

tls::SessionTickets Tickets(std::vector<tls::TicketKey> keys) {
  tls::SessionTickets tickets;
  tickets.keys = std::move(keys);
  tickets.session_seconds = 1000;
  tickets.encrypting_seconds = 100;
  return tickets;
}

std::shared_ptr<const tls::Config> ConfigOf(const tls::SessionTickets& tickets) {
  tls::ConfigOptions options;
  options.identities = {{tls::CertificateChain::Create(P256().certificate_pem), nullptr}};
  options.tickets = tickets;
  return tls::Config::Create(options);
}

struct Outcome {
  bool resumed = false;
  bool signed_for = false;
  std::vector<uint8_t> session;
};

// One connection with one answer, after which the client has whatever tickets there are.
Outcome Visit(EngineFixture& server, const char* policy, const std::vector<uint8_t>& offered) {
  Outcome outcome;
  Accepted accepted = server.Accept();
  Client client(std::move(accepted.client_tcp), policy);
  client.UseSessions(offered);
  auto done = RunAside([&] { return client.Handshake(); });
  auto event = server.sink->Next();
  EXPECT(event.has_value());
  if (event->kind() == Kind::kSign) {
    outcome.signed_for = true;
    server.Complete(*event, server.Sign(*event));
    event = server.sink->Next();
    EXPECT(event.has_value());
  }
  EXPECT(event->kind() == Kind::kSecure);
  EXPECT(done.get());
  EXPECT(WriteAll(event->secure().descriptor.get(), "answer"));
  EXPECT_EQ(client.Receive(), std::string("answer"));
  outcome.resumed = client.Resumed();
  EXPECT_EQ(event->secure().facts.resumed, outcome.resumed);
  outcome.session = client.Session();
  event->secure().descriptor.Close();
  client.Close();
  for (auto last = server.sink->Next(); last && last->kind() != Kind::kClosed;)
    last = server.sink->Next();
  return outcome;
}

// TLS 1.3 and TLS 1.2.
constexpr const char* kPolicies[] = {"default", "20240501"};

}  // namespace

TEST(a_session_is_resumed_without_a_signature_and_again_from_there) {
  for (const char* policy : kPolicies) {
    EngineFixture server(P256());
    server.Use({ConfigOf(Tickets({KeyOf(1)}))}, {});
    const Outcome first = Visit(server, policy, {});
    EXPECT(!first.resumed && first.signed_for && !first.session.empty());
    for (int i = 0; i < 3; i++) {
      const Outcome again = Visit(server, policy, first.session);
      EXPECT(again.resumed && !again.signed_for);
    }
  }
}

TEST(a_resumed_tls13_session_gets_new_tickets_since_clients_use_each_once) {
  EngineFixture server(P256());
  server.Use({ConfigOf(Tickets({KeyOf(1)}))}, {});
  std::vector<uint8_t> session = Visit(server, "default", {}).session;
  for (int i = 0; i < 3; i++) {
    const Outcome visit = Visit(server, "default", session);
    EXPECT(visit.resumed && !visit.signed_for);
    EXPECT(visit.session != session && !visit.session.empty());
    session = visit.session;
  }
}

TEST(without_ticket_keys_no_session_is_kept) {
  for (const char* policy : kPolicies) {
    EngineFixture server(P256());
    server.Use({ConfigOf({})}, {});
    const Outcome first = Visit(server, policy, {});
    const Outcome second = Visit(server, policy, first.session);
    EXPECT(!second.resumed && second.signed_for);
  }
}

TEST(a_ticket_is_good_while_its_key_is_there_and_for_no_other_key) {
  for (const char* policy : kPolicies) {
    EngineFixture server(P256());
    server.Use({ConfigOf(Tickets({KeyOf(1)}))}, {});
    const std::vector<uint8_t> session = Visit(server, policy, {}).session;
    // The next key took over, and this one still decrypts.
    server.Use({ConfigOf(Tickets({KeyOf(1, -150), KeyOf(2, -50)}))}, {});
    EXPECT(Visit(server, policy, session).resumed);
    // A key that is not in its turn yet decrypts already.
    server.Use({ConfigOf(Tickets({KeyOf(3), KeyOf(1, 50)}))}, {});
    EXPECT(Visit(server, policy, session).resumed);
    for (const tls::TicketKey& other : {KeyOf(2), KeyOf(1, -2000)}) {
      server.Use({ConfigOf(Tickets({other, KeyOf(4)}))}, {});
      const Outcome refused = Visit(server, policy, session);
      EXPECT(!refused.resumed && refused.signed_for && !refused.session.empty());
    }
  }
}

TEST(a_key_of_the_same_name_with_another_secret_ends_in_a_full_handshake) {
  for (const char* policy : kPolicies) {
    EngineFixture server(P256());
    server.Use({ConfigOf(Tickets({KeyOf(1)}))}, {});
    const std::vector<uint8_t> session = Visit(server, policy, {}).session;
    tls::TicketKey other = KeyOf(1);
    other.secret.fill(7);
    server.Use({ConfigOf(Tickets({other}))}, {});
    EXPECT(!Visit(server, policy, session).resumed);
  }
}

TEST(tls13_tickets_travel_with_the_first_answer) {
  EngineFixture server(P256(), true);
  tls::ConfigOptions options;
  options.identities = {{tls::CertificateChain::Create(P256().certificate_pem), server.key}};
  options.tickets = Tickets({KeyOf(1)});
  server.Use({tls::Config::Create(options)}, {});
  Accepted accepted = server.Accept();
  Client client(std::move(accepted.client_tcp), "default");
  client.UseSessions();
  auto done = RunAside([&] { return client.Handshake(); });
  auto secure = server.Expect(Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(done.get());
  char byte = 0;
  EXPECT_EQ(recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
  EXPECT(WriteAll(secure->secure().descriptor.get(), "answer"));
  EXPECT_EQ(client.Receive(), std::string("answer"));
  EXPECT(!client.Session().empty());
}

TEST(tls13_tickets_go_out_by_themselves_when_no_answer_comes) {
  using std::chrono::seconds;
  engine::EngineLoop loop{engine::EngineLoop::Stepped{}};
  EngineFixture identity(P256(), true);
  tls::ConfigOptions options;
  options.identities = {{tls::CertificateChain::Create(P256().certificate_pem), identity.key}};
  options.tickets = Tickets({KeyOf(1)});
  const auto contexts = std::make_shared<const tls::ServerContexts>(
      std::vector<std::shared_ptr<const tls::Config>>{tls::Config::Create(options)},
      std::vector<tls::ServerContexts::Name>{});
  const auto sink = std::make_shared<CollectingSink>();
  auto [server_tcp, client_tcp] = ConnectedTcp();
  Client client(std::move(client_tcp), "default");
  client.UseSessions();
  loop.Adopt(1, std::move(server_tcp), contexts, sink, seconds(60));
  auto done = RunAside([&] { return client.Handshake(); });
  engine::Clock::time_point now = engine::Clock::now();
  std::optional<engine::Event> secure;
  while (!secure) {
    loop.Turn(now);
    secure = sink->Next(0);
  }
  EXPECT(secure->kind() == Kind::kSecure);
  EXPECT(done.get());
  char byte = 0;
  loop.Turn(now + std::chrono::milliseconds(500));
  EXPECT_EQ(recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
  loop.Turn(now + seconds(2));
  EXPECT_EQ(recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT), 1);
  EXPECT(WriteAll(secure->secure().descriptor.get(), "answer"));
  loop.Turn(now + seconds(2));
  EXPECT_EQ(client.Receive(), std::string("answer"));
  EXPECT(!client.Session().empty());
}

TEST(more_ticket_keys_than_s2n_holds_are_refused) {
  std::vector<tls::TicketKey> keys;
  for (int i = 0; i < 49; i++) keys.push_back(KeyOf(static_cast<uint8_t>(i)));
  std::string code;
  try {
    ConfigOf(Tickets(keys));
  } catch (const tls::Error& error) {
    code = error.code();
  }
  EXPECT_EQ(code, std::string("ERR_S2N_PKEY_CONFIG"));
}

}  // namespace s2npkey::test
