// When a TLS 1.2 client is told that its handshake is done: once JavaScript has the connection.
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "aside.h"
#include "engine_fixture.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using std::chrono::milliseconds;

class TakingSink final : public engine::EventSink {
 public:
  void Push(engine::Event&& event) override { sink_.Push(std::move(event)); }
  void Wake() override { sink_.Wake(); }
  engine::Ending EndingOf(engine::StreamId stream) override { return sink_.EndingOf(stream); }
  bool TakesDescriptors() const override { return true; }
  std::optional<engine::Event> Next(int timeout) { return sink_.Next(timeout); }

 private:
  CollectingSink sink_;
};

// A TLS 1.2 handshake of which the engine has told, and whose client waits for the rest.
struct HeldHandshake {
  HeldHandshake() {
    tls::ConfigOptions options;
    options.identities = {{tls::CertificateChain::Create(P256().certificate_pem), identity.key}};
    const auto contexts = std::make_shared<const tls::ServerContexts>(
        std::vector<std::shared_ptr<const tls::Config>>{tls::Config::Create(options)},
        std::vector<tls::ServerContexts::Name>{});
    auto [server_tcp, client_tcp] = ConnectedTcp();
    client = std::make_unique<Client>(std::move(client_tcp), "20240501");
    loop.Adopt(1, std::move(server_tcp), contexts, sink, std::chrono::seconds(60));
    done = RunAside([this] { return client->Handshake(); });
    while (!secure) {
      loop.Turn(now);
      secure = sink->Next(0);
    }
    EXPECT(secure->kind() == engine::Event::Kind::kSecure);
  }
  bool Waits() { return !done.HasEnded(); }

  engine::EngineLoop loop{engine::EngineLoop::Stepped{}};
  EngineFixture identity{P256(), true};
  const std::shared_ptr<TakingSink> sink = std::make_shared<TakingSink>();
  std::unique_ptr<Client> client;
  Aside<bool> done;
  const engine::Clock::time_point now = engine::Clock::now();
  std::optional<engine::Event> secure;
};

}  // namespace

TEST(a_tls12_client_is_told_of_the_end_of_its_handshake_when_javascript_has_taken_it) {
  HeldHandshake held;
  held.loop.Turn(held.now + milliseconds(99));
  EXPECT(held.Waits());
  held.loop.Tell(1, &engine::TlsStream::Taken);
  held.loop.Turn(held.now + milliseconds(99));
  EXPECT(held.done.get());
}

TEST(a_tls12_client_does_not_wait_longer_while_javascript_is_busy) {
  HeldHandshake held;
  held.loop.Turn(held.now + milliseconds(99));
  EXPECT(held.Waits());
  held.loop.Turn(held.now + milliseconds(101));
  EXPECT(held.done.get());
}

TEST(a_tls12_handshake_is_done_for_a_client_whose_connection_javascript_ends_at_once) {
  HeldHandshake held;
  held.secure->secure().descriptor.Close();
  held.loop.Turn(held.now);
  EXPECT(held.done.get());
}

}  // namespace s2npkey::test
