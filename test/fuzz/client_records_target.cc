// A client with the right keys and the wrong intentions: a real handshake, whose records may be
// changed on the way, and then records of any type and content, protected as they should be or not.
#include <memory>
#include <utility>
#include <vector>

#include "commands.h"
#include "conversation.h"
#include "edit.h"
#include "stepped_engine.h"
#include "target.h"

namespace s2npkey::fuzz {

namespace {

class Attack {
 public:
  explicit Attack(Input input) : input_(input) {
    const uint8_t choice = input_.Byte();
    kind_ = static_cast<ServerKind>(choice % kServerKinds);
    auto [stream, tcp] = engine_.Adopt(kind_, sink_, std::chrono::seconds(60));
    conversation_ = std::make_unique<Conversation>(
        stream, sink_,
        std::make_unique<MemoryClient>(std::move(tcp),
                                       static_cast<ClientKind>(choice / 4 % kClientKinds),
                                       choice / 16 % 2, choice / 32 % 2));
    piece_ = input_.Flag() ? size_t{input_.Byte()} + 1 : SIZE_MAX;
    edits_ = choice / 64;
  }

  void Run() {
    Handshake();
    while (!input_.empty() && conversation_->client().open()) OneRecord();
    conversation_->JavaScriptCloses();
    conversation_->client().Close();
    conversation_.reset();
    engine_.ExpectNothingLeft();
  }

 private:
  void Handshake();
  void OneRecord();
  void Carry();

  Input input_;
  SteppedEngine engine_;
  std::shared_ptr<RecordingSink> sink_ = std::make_shared<RecordingSink>();
  std::unique_ptr<Conversation> conversation_;
  ServerKind kind_ = ServerKind::kKeyless;
  size_t piece_ = SIZE_MAX;
  int edits_ = 0;
};

// What the client has to say, to the server, in pieces.
void Attack::Carry() {
  MemoryClient& client = conversation_->client();
  do {
    client.Flush(piece_);
    engine_.Settle();
  } while (!client.outgoing().empty() && client.Flush(piece_));
  if (sink_->operations().size() != 1 || conversation_->told().secure) return;
  const engine::Event& operation = sink_->operations().front();
  test::CompleteSignature(engine_.loop(), operation.stream, operation.sign().operation,
                          ServerOf(kind_).Sign(operation));
  engine_.Settle();
}

void Attack::Handshake() {
  MemoryClient& client = conversation_->client();
  const size_t edited_flight = edits_ > 0 ? input_.Below(3) : 0;
  for (size_t flight = 0; flight < 6 && !conversation_->told().secure; flight++) {
    client.Negotiate();
    if (edits_ > 0 && flight == edited_flight) {
      for (; edits_ > 0; edits_--) Edit(&client.outgoing(), &input_);
      conversation_->BecomeRough();
    }
    Carry();
  }
  client.Negotiate();
  if (!conversation_->rough()) {
    EXPECT(client.handshake_done());
    EXPECT(conversation_->told().secure);
  }
}

void Attack::OneRecord() {
  MemoryClient& client = conversation_->client();
  const uint8_t what = input_.Byte();
  switch (what % 12) {
    case 0:
    case 1:
    case 2:
    case 3: {  // change_cipher_spec, alert, handshake, or any
      uint8_t type = what % 12 < 3 ? static_cast<uint8_t>(20 + what % 12) : input_.Byte();
      std::vector<uint8_t> content = input_.Take(input_.Byte());
      if (what >= 128) content.resize(content.size() * 64);
      // Application data would reach JavaScript, unless it is empty. (Type 0 is padding in TLS 1.3,
      // and the content's last byte the type: RFC 8446 section 5.4.)
      if (type == 0 || (type == MemoryClient::kApplicationData && !content.empty())) type++;
      if (client.handshake_done()) client.SendRecord(type, content);
      break;
    }
    case 4:
      client.Append(input_.Take(input_.Byte()));
      break;
    case 5:
    case 6:
      conversation_->ClientSends(size_t{input_.Byte()} << what % 9);
      break;
    case 7:
      client.UpdateKeys();
      conversation_->ClientSends(1);
      break;
    case 8:
      conversation_->JavaScriptWrites(size_t{input_.Byte()} << what % 9);
      break;
    case 9:
      Edit(&client.outgoing(), &input_);
      break;
    case 10:
      if (what < 85) client.CloseNotify();
      if (what >= 85 && what < 170) client.ShutDown();
      if (what >= 170) conversation_->JavaScriptEnds();
      break;
    case 11:
      piece_ = size_t{input_.Byte()} + 1;
      engine_.Advance(std::chrono::milliseconds(input_.Byte() * 100));
      break;
  }
  Carry();
  conversation_->ClientReads(65536);
  conversation_->JavaScriptReads(65536);
}

}  // namespace

FUZZ_TARGET(client_records) { Attack(input).Run(); }

}  // namespace s2npkey::fuzz
