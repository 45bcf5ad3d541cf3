// ML-DSA handshakes whose private key is elsewhere: s2n-tls reads the public key out of the private
// one's place, and names the server's scheme on both sides.
#include <openssl/nid.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "engine_fixture.h"
#include "handshaking_client.h"
#include "test.h"
#include "tls/error.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;

struct Level {
  int nid;
  uint16_t scheme;
};
constexpr Level kLevels[] = {{NID_MLDSA44, 0x0904}, {NID_MLDSA65, 0x0905}, {NID_MLDSA87, 0x0906}};

// The code of the error that a configuration of one certificate ends with; "" for none.
std::string RefusedBy(const char* policy, int level) {
  tls::ConfigOptions options;
  options.identities = {
      {tls::CertificateChain::Create(Identity::MlDsa(level).certificate_pem), nullptr}};
  options.security_policy = policy;
  try {
    tls::Config::Create(options);
    return "";
  } catch (const tls::Error& error) {
    return error.code();
  }
}

}  // namespace

// The workaround is superfluous when s2n-tls no longer needs it: then a chain without it would do.
TEST(an_ml_dsa_server_asks_for_a_signature_of_a_mu) {
  for (const Level& level : kLevels) {
    EngineFixture server(Identity::MlDsa(level.nid), false, "default_pq");
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp), "default_pq");
    const std::optional<engine::Event> sign = server.Expect(Kind::kSign);
    EXPECT(sign.has_value());
    EXPECT_EQ(sign->sign().scheme, level.scheme);
    EXPECT_EQ(sign->sign().input.size(), 64U);
    server.Complete(*sign, server.Sign(*sign));
    EXPECT(server.Expect(Kind::kSecure).has_value());
    EXPECT(peer.done.get());
  }
}

TEST(an_ml_dsa_key_in_the_process_signs_on_the_engine_thread) {
  EngineFixture server(Identity::MlDsa(NID_MLDSA65), true, "default_pq");
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp), "default_pq");
  EXPECT(server.Expect(Kind::kSecure).has_value());
  EXPECT(peer.done.get());
}

TEST(an_ml_dsa_signature_of_another_key_is_not_sent) {
  EngineFixture server(Identity::MlDsa(NID_MLDSA65), false, "default_pq");
  const auto other = tls::LocalKey::FromPem(Identity::MlDsa(NID_MLDSA65).private_key_pem, "");
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp), "default_pq");
  const std::optional<engine::Event> sign = server.Expect(Kind::kSign);
  EXPECT(sign.has_value());
  std::vector<uint8_t> signature;
  EXPECT(other->Sign(sign->sign().scheme, sign->sign().input.data(), sign->sign().input.size(),
                     &signature));
  server.Complete(*sign, std::move(signature));
  const auto failed = server.Expect(Kind::kFailed);
  EXPECT(failed.has_value());
  EXPECT(failed->failure().kind == tls::FailureKind::kSignature);
  EXPECT(!peer.done.get());
}

TEST(a_client_without_ml_dsa_has_no_signature_made) {
  // TLS 1.3, TLS 1.2, and a policy that has another level alone.
  for (const char* policy : {"default_tls13", "20240501", "20260513"}) {
    EngineFixture server(Identity::MlDsa(NID_MLDSA65), false, "default_pq");
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp), policy);
    EXPECT(server.Expect(Kind::kFailed).has_value());  // and not kSign
    EXPECT(!peer.done.get());
  }
}

TEST(beside_ecdsa_the_client_chooses) {
  const Identity pq = Identity::MlDsa(NID_MLDSA65);
  const auto pq_key = tls::LocalKey::FromPem(pq.private_key_pem, "");
  struct Case {
    const char* policy;
    uint16_t scheme;
  };
  for (const Case& tried :
       {Case{"default_pq", 0x0905}, Case{"default", 0x0403}, Case{"default_tls13", 0x0403},
        Case{"20240501", 0x0403}, Case{"20260513", 0x0403}}) {
    for (const bool pq_first : {false, true}) {
      EngineFixture server(P256(), false, "default_pq");
      tls::ConfigOptions options;
      options.security_policy = "default_pq";
      options.identities = {{tls::CertificateChain::Create(P256().certificate_pem), nullptr},
                            {tls::CertificateChain::Create(pq.certificate_pem), nullptr}};
      if (pq_first) std::swap(options.identities[0], options.identities[1]);
      server.Use({tls::Config::Create(options)}, {});
      Accepted accepted = server.Accept();
      HandshakingClient peer(std::move(accepted.client_tcp), tried.policy);
      const std::optional<engine::Event> sign = server.Expect(Kind::kSign);
      EXPECT(sign.has_value());
      EXPECT_EQ(sign->sign().scheme, tried.scheme);
      std::vector<uint8_t> signature;
      const auto& input = sign->sign().input;
      const tls::LocalKey& key = tried.scheme == 0x0905 ? *pq_key : *server.key;
      EXPECT(key.Sign(tried.scheme, input.data(), input.size(), &signature));
      server.Complete(*sign, std::move(signature));
      EXPECT(server.Expect(Kind::kSecure).has_value());
      EXPECT(peer.done.get());
    }
  }
}

TEST(a_policy_without_the_level_is_refused) {
  for (const char* policy : {"default", "default_tls13", "default_fips", "rfc9151"})
    EXPECT_EQ(RefusedBy(policy, NID_MLDSA65), "ERR_S2N_PKEY_SECURITY_POLICY");
  for (const int level : {NID_MLDSA44, NID_MLDSA65})
    EXPECT_EQ(RefusedBy("cnsa_2", level), "ERR_S2N_PKEY_SECURITY_POLICY");
  EXPECT_EQ(RefusedBy("cnsa_2", NID_MLDSA87), "");
  for (const Level& level : kLevels) EXPECT_EQ(RefusedBy("default_pq", level.nid), "");
}

}  // namespace s2npkey::test
