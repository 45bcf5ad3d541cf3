#include "conversation.h"

#include <sys/socket.h>

#include <algorithm>

#include "test.h"

namespace s2npkey::fuzz {

namespace {

enum Direction : size_t { kUp = 1, kDown = 2 };

uint8_t ByteAt(Direction direction, size_t position) {
  return static_cast<uint8_t>(direction * 101 + position * 167 + (position >> 8) * 13);
}

std::vector<uint8_t> Pattern(Direction direction, size_t from, size_t length) {
  std::vector<uint8_t> bytes(length);
  for (size_t i = 0; i < length; i++) bytes[i] = ByteAt(direction, from + i);
  return bytes;
}

// Whatever happens to a connection, what arrives is what was sent, from the beginning.
void ExpectPattern(Direction direction, size_t from, const std::vector<uint8_t>& bytes) {
  for (size_t i = 0; i < bytes.size(); i++) {
    if (bytes[i] != ByteAt(direction, from + i)) EXPECT_EQ(from + i, SIZE_MAX);
  }
}

}  // namespace

void Conversation::ClientSends(size_t length) {
  if (client_shut_down_) return;
  const std::vector<uint8_t> bytes = Pattern(kUp, client_sent_, length);
  if (client_->Send(bytes.data(), bytes.size())) {
    client_sent_ += length;
  } else if (client_->handshake_done() && !client_->sent_close_notify()) {
    BecomeRough();
  }
}

size_t Conversation::ClientReads(size_t length) {
  const std::vector<uint8_t> bytes = client_->Receive(length);
  ExpectPattern(kDown, client_received_, bytes);
  client_received_ += bytes.size();
  EXPECT(client_received_ <= javascript_sent_);
  return bytes.size();
}

void Conversation::ClientShutsDown() {
  if (!client_->outgoing().empty() || !told().secure) BecomeRough();
  client_->ShutDown();
  client_shut_down_ = true;
}

size_t Conversation::JavaScriptWrites(size_t length) {
  if (!told().javascript || javascript_ended_) return 0;
  const std::vector<uint8_t> bytes = Pattern(kDown, javascript_sent_, length);
  const ssize_t written =
      send(told().javascript.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (written <= 0) return 0;
  javascript_sent_ += static_cast<size_t>(written);
  return static_cast<size_t>(written);
}

size_t Conversation::JavaScriptReads(size_t length) {
  if (!told().javascript || length == 0) return 0;
  static std::vector<uint8_t> buffer(65536);
  const ssize_t taken =
      recv(told().javascript.get(), buffer.data(), std::min(length, buffer.size()), MSG_DONTWAIT);
  if (taken == 0) javascript_at_end_ = true;
  if (taken <= 0) return 0;
  EXPECT(!javascript_at_end_);
  const std::vector<uint8_t> bytes(buffer.begin(), buffer.begin() + taken);
  ExpectPattern(kUp, javascript_received_, bytes);
  javascript_received_ += bytes.size();
  EXPECT(javascript_received_ <= client_sent_);
  return bytes.size();
}

void Conversation::JavaScriptEnds() {
  if (!told().javascript || javascript_ended_) return;
  javascript_ended_ = true;
  shutdown(told().javascript.get(), SHUT_WR);
}

void Conversation::JavaScriptCloses() {
  if (!told().javascript) return;
  javascript_ended_ = true;
  javascript_closed_ = true;
  told().javascript.Close();
}

void Conversation::JavaScriptIsGone() {
  if (!told().secure) BecomeRough();
  javascript_ended_ = true;
  javascript_closed_ = true;
}

bool Conversation::GoOn() {
  const size_t queued = client_->outgoing().size();
  const bool was_done = client_->handshake_done();
  client_->Negotiate();
  const size_t to_send = client_->outgoing().size();  // A flight of the handshake among it.
  client_->Flush();
  size_t moved = 0;
  for (size_t part = 1; part > 0; moved += part) part = ClientReads(65536);
  for (size_t part = 1; part > 0; moved += part) part = JavaScriptReads(65536);
  return moved > 0 || was_done != client_->handshake_done() || queued != to_send ||
         to_send != client_->outgoing().size();
}

void Conversation::SayGoodbye() {
  client_->CloseNotify();
  client_->Flush();
  JavaScriptEnds();
}

void Conversation::ExpectEverythingArrived() {
  if (rough_) return;
  EXPECT(client_->handshake_done());
  EXPECT(told().secure);
  EXPECT(!told().broke);
  EXPECT_EQ(client_received_, javascript_sent_);
  if (!javascript_closed_) EXPECT_EQ(javascript_received_, client_sent_);
}

void Conversation::ExpectGoodEnd() {
  if (rough_) return;
  EXPECT(client_->end());
  if (!javascript_closed_) EXPECT(javascript_at_end_);
  EXPECT(told().ended);
  EXPECT(!told().broke);
}

}  // namespace s2npkey::fuzz
