// An open connection of a client on a loop whose turns are the test's, and its server.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aside.h"
#include "engine/engine_loop.h"
#include "memory/secret_bytes.h"
#include "test.h"
#include "test_identity.h"
#include "test_peer.h"
#include "tls/config.h"
#include "tls/library.h"
#include "tls/local_key.h"
#include "tls/trust_store.h"

namespace s2npkey::test {

struct SteppedClient {
  // `session` is offered to the server; one that s2n-tls cannot read is not.
  explicit SteppedClient(const char* policy = "default_tls13", memory::SecretBytes session = {})
      : tcp(Connected()), server(std::move(tcp.second), policy, nullptr, S2N_SERVER) {
    const Identity& identity = P256();
    server.Present(identity.certificate_pem, tls::LocalKey::FromPem(identity.private_key_pem, ""));
    tls::TrustStoreOptions trusted;
    trusted.authorities_pem = {identity.certificate_pem};
    tls::ConfigOptions options;
    options.client = true;
    options.security_policy = policy;
    options.verification = {tls::TrustStore::Create(trusted), false};
    tls::ClientOptions client;
    client.config = tls::Config::Create(options);
    client.session = std::move(session);
    config = client.config;
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    javascript = engine::Descriptor(pair[1]);
    Aside<bool> done = RunAside([this] { return server.Handshake(); });
    loop.Connect(1, std::move(tcp.first), engine::Descriptor(pair[0]), std::move(client), sink,
                 std::chrono::seconds(60));
    std::optional<engine::Event> event = Next();
    if (event && event->kind() == engine::Event::Kind::kJudge) {
      loop.Tell(1, [](engine::TlsStream& stream) { stream.Judge(true); });
      event = Next();
    }
    EXPECT(event.has_value() && event->kind() == engine::Event::Kind::kSecure);
    EXPECT(done.get());
  }

  static std::pair<engine::Descriptor, engine::Descriptor> Connected() {
    tls::InitializeLibrary();
    return ConnectedTcp();
  }

  void Turn() {
    while (loop.Turn(now)) continue;
  }
  bool Until(const std::function<bool()>& so) {
    const auto limit = engine::Clock::now() + std::chrono::seconds(20);
    while (!so()) {
      if (engine::Clock::now() > limit) return false;
      Turn();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  std::optional<engine::Event> Next() {
    std::optional<engine::Event> event;
    Until([&] { return (event = sink->Next(0)).has_value(); });
    return event;
  }
  std::string ReadSome() {
    std::vector<char> buffer(65536);
    ssize_t taken = -1;
    Until([&] { return (taken = read(javascript.get(), buffer.data(), buffer.size())) >= 0; });
    return taken > 0 ? std::string(buffer.data(), static_cast<size_t>(taken)) : "";
  }

  std::pair<engine::Descriptor, engine::Descriptor> tcp;
  Client server;
  engine::Descriptor javascript;
  std::weak_ptr<const tls::Config> config;
  std::shared_ptr<CollectingSink> sink = std::make_shared<CollectingSink>();
  engine::EngineLoop loop{engine::EngineLoop::Stepped{}};
  engine::Clock::time_point now = engine::Clock::now();
};

}  // namespace s2npkey::test
