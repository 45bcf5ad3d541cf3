// Everything that an environment, a signer, a client and time can do to an engine, in any order.
#include <array>
#include <future>
#include <memory>
#include <vector>

#include "commands.h"
#include "conversation.h"
#include "stepped_engine.h"
#include "target.h"
#include "tls/alert_description.h"

namespace s2npkey::fuzz {

namespace {

using std::chrono::milliseconds;

constexpr size_t kMostConversations = 6;
constexpr size_t kMostBytes = size_t{4} << 20;  // of application data; what is above is only slow
constexpr int kRoundsToFinish = 3000;

constexpr milliseconds kTimeouts[] = {milliseconds(0), milliseconds(100), milliseconds(5000),
                                      milliseconds(120000)};
constexpr milliseconds kSteps[] = {milliseconds(1),     milliseconds(99),   milliseconds(1000),
                                   milliseconds(2100),  milliseconds(9000), milliseconds(31000),
                                   milliseconds(121000)};

class Play {
 public:
  explicit Play(Input input) : input_(input) {}

  void Run() {
    while (!input_.empty()) OneCommand();
    FinishInOrder();
    EndAll();
  }

 private:
  void OneCommand();
  void Adopt();
  void Client(Conversation& conversation);
  void Hostile(Conversation& conversation);
  void JavaScript(Conversation& conversation);
  void Environment(Conversation& conversation);
  void Sign();
  void SignRightly(const engine::Event& operation);
  void PassTime();
  void EndSink();
  void FinishInOrder();
  void EndAll();
  // A length: small ones and large ones.
  size_t Length();

  Input input_;
  SteppedEngine engine_;
  std::array<std::shared_ptr<RecordingSink>, 2> sinks_ = {std::make_shared<RecordingSink>(),
                                                          std::make_shared<RecordingSink>()};
  std::vector<std::unique_ptr<Conversation>> conversations_;
  std::vector<ServerKind> kinds_;  // of the conversations
  std::vector<milliseconds> timeouts_;
  std::vector<std::future<void>> deliveries_;
  size_t bytes_ = 0;
};

size_t Play::Length() {
  const uint8_t shape = input_.Byte();
  const size_t length = (size_t{shape} & 31) << (shape >> 5) * 2;
  bytes_ += length;
  return bytes_ <= kMostBytes ? length : 1;
}

void Play::OneCommand() {
  const uint8_t command = input_.Byte();
  if (conversations_.empty() || command < 16) return Adopt();
  if (command < 40) return Sign();
  if (command < 72) {
    engine_.Settle();
    return;
  }
  if (command < 80) {
    engine_.Turn();
    return;
  }
  if (command < 92) return PassTime();
  if (command < 96) return EndSink();
  Conversation& conversation = *conversations_[input_.Below(conversations_.size())];
  if (command < 160) return Client(conversation);
  if (command < 176) return Hostile(conversation);
  if (command < 232) return JavaScript(conversation);
  return Environment(conversation);
}

void Play::Adopt() {
  const uint8_t choice = input_.Byte();
  if (conversations_.size() >= kMostConversations) return;
  const auto server = static_cast<ServerKind>(choice % kServerKinds);
  const auto client = static_cast<ClientKind>(choice / 4 % kClientKinds);
  const milliseconds timeout = kTimeouts[choice / 16 % 4];
  const std::shared_ptr<RecordingSink>& sink = sinks_[choice / 64 % 2];
  auto [stream, tcp] = engine_.Adopt(server, sink, timeout);
  conversations_.push_back(std::make_unique<Conversation>(
      stream, sink,
      std::make_unique<MemoryClient>(std::move(tcp), client, choice / 128 % 2, choice / 128 % 2)));
  kinds_.push_back(server);
  timeouts_.push_back(timeout);
}

void Play::Client(Conversation& conversation) {
  MemoryClient& client = conversation.client();
  switch (input_.Below(9)) {
    case 0:
    case 1:
      client.Negotiate();
      client.Flush();
      break;
    case 2:
      client.Negotiate();
      client.Flush(Length());
      break;
    case 3:
      conversation.ClientSends(Length());
      client.Flush();
      break;
    case 4:
      conversation.ClientSends(Length());
      client.Flush(Length());
      break;
    case 5:
      conversation.ClientReads(Length());
      break;
    case 6:
      client.UpdateKeys();
      break;
    case 7:
      client.CloseNotify();
      client.Flush();
      break;
    case 8:
      conversation.ClientShutsDown();
      break;
  }
}

void Play::Hostile(Conversation& conversation) {
  MemoryClient& client = conversation.client();
  conversation.BecomeRough();
  switch (input_.Below(4)) {
    case 0:
      client.Append(input_.Take(input_.Byte()));
      client.Flush();
      break;
    case 1:
      if (!client.outgoing().empty()) client.outgoing()[Length() % client.outgoing().size()] ^= 1;
      break;
    case 2: {
      uint8_t type = input_.Byte();
      // Application data would reach JavaScript. (Type 0 is padding in TLS 1.3, and the content's
      // last byte the type: RFC 8446 section 5.4.)
      if (type == 0 || type == MemoryClient::kApplicationData) type++;
      const std::vector<uint8_t> content = input_.Take(input_.Byte());
      if (client.handshake_done()) client.SendRecord(type, content);
      client.Flush();
      break;
    }
    case 3:
      client.Close();
      break;
  }
}

void Play::JavaScript(Conversation& conversation) {
  switch (input_.Below(6)) {
    case 0:
    case 1:
      conversation.JavaScriptWrites(Length());
      break;
    case 2:
    case 3:
      conversation.JavaScriptReads(Length());
      break;
    case 4:
      conversation.JavaScriptEnds();
      break;
    case 5:
      conversation.JavaScriptCloses();
      break;
  }
}

void Play::Environment(Conversation& conversation) {
  engine::EngineLoop& loop = engine_.loop();
  switch (input_.Below(5)) {
    case 0:
      if (!conversation.told().secure) conversation.BecomeRough();
      loop.Tell(conversation.stream(),
                [](engine::TlsStream& stream) { stream.Destroy(tls::alert::kInternalError); });
      break;
    case 1:
      conversation.BecomeRough();
      loop.Tell(conversation.stream(), &engine::TlsStream::Reset);
      break;
    case 2:
      loop.Tell(conversation.stream(),
                [on = input_.Flag()](engine::TlsStream& stream) { stream.SetNoDelay(on); });
      break;
    case 3: {
      const uint8_t delay = input_.Byte();
      const bool on = input_.Flag();
      loop.Tell(conversation.stream(),
                [on, delay](engine::TlsStream& stream) { stream.SetKeepAlive(on, delay); });
      break;
    }
    case 4:
      deliveries_.push_back(loop.Deliver(conversation.sink()));
      break;
  }
}

void Play::SignRightly(const engine::Event& operation) {
  for (size_t i = 0; i < conversations_.size(); i++) {
    if (conversations_[i]->stream() != operation.stream) continue;
    test::CompleteSignature(engine_.loop(), operation.stream, operation.sign().operation,
                            ServerOf(kinds_[i]).Sign(operation));
  }
}

// Any operation that was ever handed out: also one that is done, or whose stream is gone.
void Play::Sign() {
  const std::vector<engine::Event>& operations = sinks_[input_.Below(2)]->operations();
  if (operations.empty()) return;
  const engine::Event& operation = operations[input_.Below(operations.size())];
  const uint8_t how = input_.Byte();
  if (how < 160) return SignRightly(operation);
  Conversation* asked = nullptr;
  for (const auto& conversation : conversations_) {
    if (conversation->stream() == operation.stream) asked = conversation.get();
  }
  std::vector<uint8_t> signature;
  switch (how % 4) {
    case 0:  // empty
      break;
    case 1:
      signature.assign(Length(), how);
      break;
    case 2:
      ServerOf(ServerKind::kKeyless)
          .keys[0][0]
          ->Sign(0x0403, std::vector<uint8_t>(32, how).data(), 32, &signature);
      break;
    case 3:  // for an operation that never was
      test::CompleteSignature(engine_.loop(), operation.stream,
                              operation.sign().operation + 1000000, {1, 2, 3});
      return;
  }
  // Unless the right one came before it.
  if (asked && !asked->told().secure) asked->BecomeRough();
  test::CompleteSignature(engine_.loop(), operation.stream, operation.sign().operation,
                          std::move(signature));
}

void Play::PassTime() {
  engine_.Advance(kSteps[input_.Below(std::size(kSteps))]);
  for (size_t i = 0; i < conversations_.size(); i++) {
    // The handshake's deadline may have passed, or that of what JavaScript left behind.
    const bool timed = !conversations_[i]->told().secure && timeouts_[i].count() > 0;
    if (timed || conversations_[i]->javascript_closed()) conversations_[i]->BecomeRough();
  }
}

void Play::EndSink() {
  const std::shared_ptr<RecordingSink>& sink = sinks_[input_.Below(2)];
  for (const auto& conversation : conversations_) {
    if (conversation->sink() == sink) conversation->JavaScriptIsGone();
  }
  engine_.loop().EndStreamsOf(sink);
}

// Whoever was not broken off completes: the signer answers, both sides read, and all arrives.
void Play::FinishInOrder() {
  size_t answered[2] = {0, 0};
  const auto go_on = [&] {
    int quiet = 0;
    for (int rounds = 0; quiet < 2; rounds++) {
      EXPECT(rounds < kRoundsToFinish);
      bool moved = false;
      engine_.Settle();
      for (size_t i = 0; i < sinks_.size(); i++) {
        for (; answered[i] < sinks_[i]->operations().size(); answered[i]++, moved = true)
          SignRightly(sinks_[i]->operations()[answered[i]]);
      }
      for (const auto& conversation : conversations_) {
        if (!conversation->rough() && conversation->GoOn()) moved = true;
      }
      quiet = moved ? 0 : quiet + 1;
    }
  };
  go_on();
  for (const auto& conversation : conversations_) {
    conversation->ExpectEverythingArrived();
    if (!conversation->rough()) conversation->SayGoodbye();
  }
  go_on();
  for (const auto& conversation : conversations_) conversation->ExpectGoodEnd();
}

void Play::EndAll() {
  for (const auto& conversation : conversations_) {
    conversation->JavaScriptCloses();
    conversation->client().Close();
  }
  engine_.Settle();
  conversations_.clear();
  engine_.ExpectNothingLeft();
  for (std::future<void>& delivery : deliveries_)
    EXPECT(delivery.wait_for(milliseconds(0)) == std::future_status::ready);
  for (const std::shared_ptr<RecordingSink>& sink : sinks_) {
    EXPECT_EQ(sink->broken(), "");
    EXPECT(!sink->unread());
  }
}

}  // namespace

FUZZ_TARGET(command_order) { Play(input).Run(); }

}  // namespace s2npkey::fuzz
