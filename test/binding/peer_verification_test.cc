// Certificates of clients, verified by the core.
#include <openssl/nid.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <memory>

#include "aside.h"
#include "engine_fixture.h"
#include "test.h"
#include "tls/error.h"
#include "tls/trust_store.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using tls::FailureKind;

const Identity& Server() {
  static const Identity identity = Identity::Ecdsa(NID_X9_62_prime256v1);
  return identity;
}

const Identity& Trusted() {
  static const Identity identity = Identity::Ecdsa(NID_X9_62_prime256v1);
  return identity;
}

tls::PeerVerification Asks(const std::string& authority_pem, bool reject_unauthorized) {
  tls::TrustStoreOptions options;
  options.authorities_pem = {authority_pem};
  return {tls::TrustStore::Create(options), reject_unauthorized, {}};
}

std::shared_ptr<const tls::LocalKey> KeyOf(const Identity& identity) {
  return tls::LocalKey::FromPem(identity.private_key_pem, "");
}

constexpr const char* kPolicies[] = {"20240501", "default_tls13"};  // TLS 1.2 and 1.3

// The first event of a connection with a client that shows a certificate and signs with a key.
engine::Event Outcome(EngineFixture& server, const char* policy, const Identity& shown,
                      const Identity& signs) {
  Accepted accepted = server.Accept();
  Client client(std::move(accepted.client_tcp), policy);
  client.Present(shown.certificate_pem, KeyOf(signs));
  Aside<bool> done = RunAside([&client] { return client.Handshake(); });
  std::optional<engine::Event> event = server.sink->Next();
  done.get();
  EXPECT(event.has_value());
  return std::move(*event);
}

}  // namespace

TEST(a_client_whose_certificate_verifies_is_told_with_its_chain) {
  for (const char* policy : kPolicies) {
    EngineFixture server(Server(), true, policy, Asks(Trusted().certificate_pem, true));
    const engine::Event event = Outcome(server, policy, Trusted(), Trusted());
    EXPECT(event.kind() == Kind::kSecure);
    EXPECT_EQ(std::string(event.secure().peer.verification.code()), "OK");
    EXPECT_EQ(event.secure().peer.chain.size(), size_t{1});
  }
}

TEST(a_client_whose_certificate_does_not_verify_is_refused_by_name_with_an_alert) {
  for (const char* policy : kPolicies) {
    EngineFixture server(Server(), true, policy, Asks(Server().certificate_pem, true));
    const engine::Event event = Outcome(server, policy, Trusted(), Trusted());
    EXPECT(event.kind() == Kind::kFailed);
    EXPECT(event.failure().kind == FailureKind::kCertificate);
    EXPECT_EQ(event.failure().name, "DEPTH_ZERO_SELF_SIGNED_CERT");
    EXPECT_EQ(event.failure().alert, 48);
  }
}

// s2n-tls's own verification of chains is off: its check that a peer holds the key must not be.
TEST(a_client_that_shows_a_certificate_without_holding_its_key_is_refused_even_where_any_goes) {
  for (const bool reject : {false, true}) {
    for (const char* policy : kPolicies) {
      EngineFixture server(Server(), true, policy, Asks(Trusted().certificate_pem, reject));
      const engine::Event event = Outcome(server, policy, Trusted(), Server());
      EXPECT(event.kind() == Kind::kFailed);
      EXPECT(event.failure().kind == FailureKind::kSignature);
    }
  }
}

// The same of a client of ours: its first event with a server that shows a certificate and signs
// with a key.
static engine::Event OutcomeOfClient(const char* policy, const Identity& shown,
                                     const Identity& signs, const char* name, bool reject) {
  tls::ConfigOptions options;
  options.client = true;
  options.security_policy = policy;
  options.verification = Asks(Trusted().certificate_pem, reject);
  tls::ClientOptions client;
  client.config = tls::Config::Create(options);
  client.verified_name = name;
  auto [ours, servers] = ConnectedTcp();
  int pair[2];
  EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
  const engine::Descriptor javascript(pair[1]);
  const auto sink = std::make_shared<CollectingSink>();
  const auto engine = std::make_shared<engine::Engine>();
  Client server(std::move(servers), policy, nullptr, S2N_SERVER);
  server.Present(shown.certificate_pem, KeyOf(signs));
  Aside<bool> done = RunAside([&server] { return server.Handshake(); });
  engine->Connect(std::move(ours), engine::Descriptor(pair[0]), std::move(client), sink,
                  std::chrono::seconds(60));
  std::optional<engine::Event> event = sink->Next();
  engine->EndStreamsOf(sink);
  done.get();
  EXPECT(event.has_value());
  return std::move(*event);
}

TEST(a_client_takes_a_server_that_verifies_and_is_the_one_it_wants) {
  for (const char* policy : kPolicies) {
    const engine::Event event =
        OutcomeOfClient(policy, Trusted(), Trusted(), "test.s2n-pkey", true);
    EXPECT(event.kind() == Kind::kSecure);
    EXPECT_EQ(std::string(event.secure().peer.verification.code()), "OK");
  }
}

TEST(a_client_asks_about_a_certificate_for_another_name) {
  for (const char* policy : kPolicies) {
    const engine::Event event =
        OutcomeOfClient(policy, Trusted(), Trusted(), "elsewhere.test", true);
    EXPECT(event.kind() == Kind::kJudge);
    EXPECT_EQ(event.As<engine::VerdictAsked>().peer.chain.size(), size_t{1});
  }
}

TEST(a_client_refuses_a_server_that_does_not_hold_the_key_even_where_any_goes) {
  for (const bool reject : {false, true}) {
    for (const char* policy : kPolicies) {
      const engine::Event event =
          OutcomeOfClient(policy, Trusted(), Server(), "test.s2n-pkey", reject);
      EXPECT(event.kind() == Kind::kFailed);
      EXPECT(event.failure().kind == FailureKind::kSignature);
    }
  }
}

TEST(a_server_that_rejects_nobody_says_what_is_wrong_with_a_certificate) {
  for (const char* policy : kPolicies) {
    EngineFixture server(Server(), true, policy, Asks(Server().certificate_pem, false));
    const engine::Event event = Outcome(server, policy, Trusted(), Trusted());
    EXPECT(event.kind() == Kind::kSecure);
    EXPECT_EQ(std::string(event.secure().peer.verification.code()), "DEPTH_ZERO_SELF_SIGNED_CERT");
  }
}

TEST(a_trust_store_refuses_what_it_cannot_read) {
  const auto code = [](const tls::TrustStoreOptions& options) -> std::string {
    try {
      tls::TrustStore::Create(options);
    } catch (const tls::Error& error) {
      return error.code();
    }
    return "";
  };
  tls::TrustStoreOptions options;
  options.authorities_pem = {Server().certificate_pem + Trusted().certificate_pem};
  EXPECT_EQ(code(options), "");
  options.authorities_pem = {Server().certificate_pem, "nonsense"};
  EXPECT_EQ(code(options), "ERR_S2N_PKEY_CA_INVALID");
  options.authorities_pem = {"nonsense", Server().certificate_pem, "-----BEGIN CERTIFICATE-----"};
  options.skip_unusable = true;
  EXPECT(tls::TrustStore::Create(options)->skipped() == (std::vector<size_t>{0, 2}));
  options.authorities_pem = {};
  options.revocation_lists_pem = {Server().certificate_pem};
  EXPECT_EQ(code(options), "ERR_S2N_PKEY_CRL_INVALID");
}

}  // namespace s2npkey::test
