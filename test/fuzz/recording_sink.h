// Holds what each stream tells to what events.h promises: the order of events, and one last event.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "engine/events.h"

namespace s2npkey::fuzz {

class RecordingSink final : public engine::EventSink {
 public:
  struct Stream {
    bool asked = false;  // kSign came
    bool secure = false;
    bool truncated = false;
    bool broke = false;             // kError came
    bool ended = false;             // kFailed or kClosed came
    engine::Descriptor javascript;  // the plaintext end
  };

  void Push(engine::Event&& event) override;
  void Wake() override { unread_ = 0; }
  engine::Ending EndingOf(engine::StreamId) override { return engine::Ending::kInOrder; }

  Stream& Of(engine::StreamId stream) { return streams_[stream]; }
  // Operations that were handed out, in order, answered or not.
  const std::vector<engine::Event>& operations() const { return operations_; }
  // The promise that was broken first; empty: none. (Push is called from within the engine, which
  // is no place to throw from.)
  std::string broken() const;
  // Whether it was not woken after an event, which is to be so only while there is more to do.
  bool unread() const;

 private:
  std::unordered_map<engine::StreamId, Stream> streams_;
  std::vector<engine::Event> operations_;
  std::string broken_;
  size_t unread_ = 0;  // events since the last Wake
};

}  // namespace s2npkey::fuzz
