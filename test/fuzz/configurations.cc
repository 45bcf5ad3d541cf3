#include "configurations.h"

#include <openssl/nid.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "test_identity.h"

namespace s2npkey::fuzz {

namespace {

uint64_t time_of_s2n = 0;

int TellTime(void*, uint64_t* nanoseconds) {
  *nanoseconds = time_of_s2n;
  return 0;
}

// Adds a configuration to the server, with an identity for each of these certificates.
std::shared_ptr<const tls::Config> Add(Server* server,
                                       const std::vector<test::Identity>& identities,
                                       bool signs_locally, std::vector<std::string> protocols) {
  tls::ConfigOptions options;
  options.alpn_protocols = std::move(protocols);
  server->keys.emplace_back();
  for (const test::Identity& identity : identities) {
    const auto key = tls::LocalKey::FromPem(identity.private_key_pem, "");
    server->keys.back().push_back(key);
    options.identities.push_back(
        {tls::CertificateChain::Create(identity.certificate_pem), signs_locally ? key : nullptr});
  }
  auto config = tls::Config::Create(options);
  if (s2n_config_set_monotonic_clock(config->get(), TellTime, nullptr)) std::abort();
  return config;
}

Server MakeServer(ServerKind kind) {
  static const test::Identity rsa = test::Identity::Rsa(2048);
  static const test::Identity ecdsa = test::Identity::Ecdsa(NID_X9_62_prime256v1);
  static const test::Identity other = test::Identity::Ecdsa(NID_secp384r1);
  Server server;
  std::vector<std::shared_ptr<const tls::Config>> configs;
  std::vector<tls::ServerContexts::Name> names;
  if (kind == ServerKind::kContexts) {
    configs.push_back(Add(&server, {rsa, ecdsa}, false, {}));
    configs.push_back(Add(&server, {other}, false, {"http/1.1"}));
    names.emplace_back(kServerName, 1);
  } else {
    const bool is_rsa = kind == ServerKind::kKeylessRsa;
    configs.push_back(
        Add(&server, {is_rsa ? rsa : ecdsa}, kind == ServerKind::kLocalKey, {"http/1.1"}));
  }
  server.contexts =
      std::make_shared<const tls::ServerContexts>(std::move(configs), std::move(names));
  return server;
}

// Trusts any certificate: what is tested is the server.
tls::ConfigHandle MakeClientConfig(ClientKind kind) {
  constexpr const char* kPolicies[kClientKinds] = {"default", "default_tls13", "20240501",
                                                   "default_pq"};
  tls::ConfigHandle config(s2n_config_new_minimal());
  if (s2n_config_disable_x509_verification(config.get()) ||
      s2n_config_set_cipher_preferences(config.get(), kPolicies[static_cast<size_t>(kind)]) ||
      s2n_config_set_monotonic_clock(config.get(), TellTime, nullptr)) {
    std::abort();
  }
  return config;
}

}  // namespace

std::vector<uint8_t> Server::Sign(const engine::Event& operation) const {
  std::vector<uint8_t> signature;
  keys.at(operation.sign().context)
      .at(operation.sign().identity)
      ->Sign(operation.sign().scheme, operation.sign().input.data(), operation.sign().input.size(),
             &signature);
  return signature;
}

const Server& ServerOf(ServerKind kind) {
  static const std::array<Server, kServerKinds> servers = {
      MakeServer(ServerKind::kKeyless), MakeServer(ServerKind::kContexts),
      MakeServer(ServerKind::kLocalKey), MakeServer(ServerKind::kKeylessRsa)};
  return servers[static_cast<size_t>(kind)];
}

s2n_config* ClientConfigOf(ClientKind kind) {
  static const std::array<tls::ConfigHandle, kClientKinds> configs = {
      MakeClientConfig(ClientKind::kDefault), MakeClientConfig(ClientKind::kTls13),
      MakeClientConfig(ClientKind::kTls12), MakeClientConfig(ClientKind::kPostQuantum)};
  return configs[static_cast<size_t>(kind)].get();
}

void SetTimeOfS2n(std::chrono::nanoseconds time) {
  time_of_s2n = static_cast<uint64_t>(time.count());
}

}  // namespace s2npkey::fuzz
