// An engine with a scripted signer, and one connection through it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "commands.h"
#include "engine/engine.h"
#include "test_identity.h"
#include "test_peer.h"
#include "tls/local_key.h"
#include "tls/server_contexts.h"

namespace s2npkey::test {

// The server's side of one connection, up to the moment JavaScript would own it.
struct Accepted {
  engine::StreamId stream = 0;
  engine::Descriptor client_tcp;
};

class EngineFixture {
 public:
  explicit EngineFixture(const Identity& identity, bool signs_locally = false,
                         const char* policy = "default", tls::PeerVerification verification = {},
                         const engine::Limits& limits = {})
      : key(tls::LocalKey::FromPem(identity.private_key_pem, "")),
        engine(std::make_shared<engine::Engine>(limits)) {
    tls::ConfigOptions options;
    options.identities = {
        {tls::CertificateChain::Create(identity.certificate_pem), signs_locally ? key : nullptr}};
    options.security_policy = policy;
    options.verification = std::move(verification);
    Use({tls::Config::Create(options)}, {});
  }
  ~EngineFixture() { engine->EndStreamsOf(sink); }

  // What connections accepted from now on are given.
  void Use(std::vector<std::shared_ptr<const tls::Config>> configs,
           std::vector<tls::ServerContexts::Name> names) {
    contexts = std::make_shared<const tls::ServerContexts>(std::move(configs), std::move(names));
  }

  Accepted Accept(std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
    auto [server, client] = ConnectedTcp();
    return Adopt(std::move(server), std::move(client), timeout);
  }
  Accepted Adopt(engine::Descriptor server, engine::Descriptor client,
                 std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
    const engine::StreamId stream = engine->Adopt(std::move(server), contexts, sink, timeout);
    return {stream, std::move(client)};
  }

  std::vector<uint8_t> Sign(const engine::Event& event) const {
    std::vector<uint8_t> signature;
    key->Sign(event.sign().scheme, event.sign().input.data(), event.sign().input.size(),
              &signature);
    return signature;
  }

  void Complete(const engine::Event& event, std::vector<uint8_t> signature) {
    CompleteSignature(*engine->LoopOf(event.stream), event.stream, event.sign().operation,
                      std::move(signature));
  }

  // Waits for the next event, which must ask for a signature, and gives the right one.
  bool SignsWhenAsked() {
    const std::optional<engine::Event> sign = Expect(engine::Event::Kind::kSign);
    if (!sign) return false;
    Complete(*sign, Sign(*sign));
    return true;
  }

  // Waits for the next event, which must be of this kind.
  std::optional<engine::Event> Expect(engine::Event::Kind kind) {
    std::optional<engine::Event> event = sink->Next();
    if (event && event->kind() != kind) return {};
    return event;
  }

  // Until what the engine holds is so; false when it is not after 20 seconds.
  bool Until(const std::function<bool(const engine::LoopStatistics&)>& so) {
    const auto limit = engine::Clock::now() + std::chrono::seconds(20);
    while (!so(engine->Statistics())) {
      if (engine::Clock::now() > limit) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  // Until the engine holds nothing any more: every stream is gone, with its descriptors.
  bool Empty() {
    return Until([](const engine::LoopStatistics& now) {
      return now.descriptors == 0 &&
             now.open + now.handshaking + now.awaiting_signature + now.lingering == 0;
    });
  }

  std::shared_ptr<const tls::LocalKey> key;
  std::shared_ptr<const tls::ServerContexts> contexts;
  std::shared_ptr<engine::Engine> engine;
  std::shared_ptr<CollectingSink> sink = std::make_shared<CollectingSink>();
};

}  // namespace s2npkey::test
