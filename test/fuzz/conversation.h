// One connection from both its ends, the client's and JavaScript's, and what must have arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory_client.h"
#include "recording_sink.h"

namespace s2npkey::fuzz {

class Conversation {
 public:
  Conversation(engine::StreamId stream, std::shared_ptr<RecordingSink> sink,
               std::unique_ptr<MemoryClient> client)
      : stream_(stream), sink_(std::move(sink)), client_(std::move(client)) {}

  engine::StreamId stream() const { return stream_; }
  const std::shared_ptr<RecordingSink>& sink() const { return sink_; }
  MemoryClient& client() { return *client_; }
  RecordingSink::Stream& told() { return sink_->Of(stream_); }

  // The client's end. Bytes have a pattern by position, so that what arrives can be told apart from
  // what was lost, doubled or changed on the way.
  void ClientSends(size_t length);
  size_t ClientReads(size_t length);
  // FIN. Without close_notify, or with a record cut off, if those were not sent.
  void ClientShutsDown();

  // JavaScript's end.
  size_t JavaScriptWrites(size_t length);
  size_t JavaScriptReads(size_t length);
  void JavaScriptEnds();
  void JavaScriptCloses();
  // Its environment ends; whether its end was closed by then or not.
  void JavaScriptIsGone();

  // From here on bytes may be lost: somebody broke the connection off.
  void BecomeRough() { rough_ = true; }
  bool rough() const { return rough_; }
  bool javascript_closed() const { return javascript_closed_; }

  // Both sides do what well-behaved ones do now. True: something moved.
  bool GoOn();
  // Both sides say that they are through.
  void SayGoodbye();
  // What was written is there: all of it, if nobody was rough.
  void ExpectEverythingArrived();
  void ExpectGoodEnd();

 private:
  engine::StreamId stream_;
  std::shared_ptr<RecordingSink> sink_;
  std::unique_ptr<MemoryClient> client_;
  size_t client_sent_ = 0;
  size_t client_received_ = 0;
  size_t javascript_sent_ = 0;
  size_t javascript_received_ = 0;
  bool javascript_at_end_ = false;  // it read all there was, and the end
  bool javascript_ended_ = false;
  bool javascript_closed_ = false;
  bool client_shut_down_ = false;
  bool rough_ = false;
};

}  // namespace s2npkey::fuzz
