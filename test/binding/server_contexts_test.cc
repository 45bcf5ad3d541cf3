// Which configuration a server uses for which name, and whose key is asked to sign.
#include "tls/server_contexts.h"

#include <openssl/nid.h>

#include <memory>
#include <string>
#include <vector>

#include "engine_fixture.h"
#include "handshaking_client.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;

std::shared_ptr<const tls::Config> ConfigOf(const std::vector<Identity>& identities) {
  tls::ConfigOptions options;
  for (const Identity& identity : identities) {
    options.identities.push_back(
        {tls::CertificateChain::Create(identity.certificate_pem), nullptr});
  }
  return tls::Config::Create(options);
}

}  // namespace

TEST(an_exact_name_goes_before_a_wildcard_which_stands_for_one_label) {
  const auto config = ConfigOf({Identity::Ecdsa(NID_X9_62_prime256v1)});
  const tls::ServerContexts contexts({config, config, config, config},
                                     {{"a.example", 1}, {"*.example", 2}, {"*", 3}});
  const std::vector<std::pair<const char*, size_t>> cases = {
      {"a.example", 1},  {"A.EXAMPLE", 1}, {"b.example", 2}, {"example", 3}, {"a.b.example", 0},
      {"a.example.", 0}, {"", 0},          {".example", 2},  {"..", 0},
  };
  for (const auto& [name, index] : cases) EXPECT_EQ(contexts.Find(name), index);
  EXPECT_EQ(tls::ServerContexts({config}, {}).Find("a.example"), size_t{0});
}

TEST(the_key_of_the_certificate_that_was_chosen_is_asked_by_context_and_identity) {
  const Identity main = Identity::Ecdsa(NID_X9_62_prime256v1);
  const Identity ecdsa = Identity::Ecdsa(NID_secp384r1);
  const Identity rsa = Identity::Rsa(2048);
  struct Case {
    const char* name;
    const char* policy;
    size_t context;
    size_t identity;
    const Identity& signer;
  };
  // The second of these policies offers no ECDSA.
  for (const Case& tried : {Case{"both.example", "default", 1, 1, ecdsa},
                            Case{"both.example", "KMS-FIPS-TLS-1-2-2018-10", 1, 0, rsa},
                            Case{"other.example", "default", 0, 0, main}}) {
    EngineFixture server(main);
    server.Use({ConfigOf({main}), ConfigOf({rsa, ecdsa})}, {{"both.example", 1}});
    Accepted accepted = server.Accept();
    HandshakingClient peer(std::move(accepted.client_tcp), tried.policy, tried.name);
    const auto sign = server.Expect(Kind::kSign);
    EXPECT(sign.has_value());
    EXPECT_EQ(sign->sign().context, tried.context);
    EXPECT_EQ(sign->sign().identity, tried.identity);
    const auto key = tls::LocalKey::FromPem(tried.signer.private_key_pem, "");
    std::vector<uint8_t> signature;
    EXPECT(key->Sign(sign->sign().scheme, sign->sign().input.data(), sign->sign().input.size(),
                     &signature));
    server.Complete(*sign, signature);
    EXPECT(server.Expect(Kind::kSecure).has_value());
    EXPECT(peer.done.get());
  }
}

TEST(a_connection_keeps_the_contexts_it_was_accepted_with) {
  EngineFixture server(Identity::Ecdsa(NID_X9_62_prime256v1));
  Accepted accepted = server.Accept();
  const std::weak_ptr<const tls::ServerContexts> before = server.contexts;
  server.Use({ConfigOf({Identity::Rsa(2048)})}, {});
  EXPECT(!before.expired());
  HandshakingClient peer(std::move(accepted.client_tcp));
  EXPECT(server.SignsWhenAsked());
  EXPECT(server.Expect(Kind::kSecure).has_value());
  EXPECT(peer.done.get());
  peer.client.Close();
  EXPECT(server.Empty());
}

}  // namespace s2npkey::test
