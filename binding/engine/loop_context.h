// What the streams of one engine thread share. Touched by that thread alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/deadlines.h"
#include "engine/events.h"
#include "engine/intrusive_queue.h"
#include "engine/limits.h"
#include "engine/poller.h"
#include "engine/turn_clock.h"
#include "tls/connection.h"
#include "tls/plaintext.h"

namespace keyless::engine {

class TlsStream;

// Events of the last turns: each sink is woken once, however many events it was given.
class EventBatch {
 public:
  // Throws std::bad_alloc, and has posted nothing then.
  void Post(const std::shared_ptr<EventSink>& sink, Event&& event, Clock::time_point now) {
    const bool first = sinks_.empty();
    if (std::find(sinks_.begin(), sinks_.end(), sink) == sinks_.end()) sinks_.push_back(sink);
    if (first) began_ = now;
    sink->Push(std::move(event));
  }
  void Flush() {
    for (const std::shared_ptr<EventSink>& sink : sinks_) sink->Wake();
    sinks_.clear();
  }

  // The turn of the first of them; without any, the end of time.
  Clock::time_point began() const noexcept {
    return sinks_.empty() ? Clock::time_point::max() : began_;
  }

 private:
  std::vector<std::shared_ptr<EventSink>> sinks_;
  Clock::time_point began_;
};

struct LoopContext {
  // Bytes read at once from TCP, and from JavaScript. A chunk of each kind is all the memory that a
  // turn needs, however many connections there are. Of what JavaScript wrote it is six full records
  // and a part of one.
  static constexpr size_t kChunk = 65536;
  static constexpr size_t kWritten = kChunk + 34816;

  explicit LoopContext(const Limits& given = {}, TurnClock::Now clock = Clock::now)
      : limits(given), turn_clock(clock) {}

  const Limits limits;
  Poller poller;
  Deadlines<TlsStream> deadlines;
  Deadlines<TlsStream> idle_checks;
  Clock::time_point now = Clock::now();
  EventBatch events;
  std::vector<uint8_t> written = std::vector<uint8_t>(kWritten);  // by JavaScript
  // Records as they came, decrypted there: in the middle of room for what s2n kept of those before.
  std::vector<uint8_t> received = std::vector<uint8_t>(kChunk + 2 * tls::Connection::kRecordRoom);
  tls::Plaintext plaintext{kChunk + tls::Connection::kRecordRoom};
  // Records of the stream being driven, gathered so that a flight or a batch is written once.
  std::vector<uint8_t> records;
  // Where those of its data are made, and written from. Enough for such plaintext in the smallest
  // records that a peer may ask for (512 bytes, RFC 6066 section 4), with all that goes with each.
  std::vector<uint8_t> data_records = std::vector<uint8_t>(kWritten + kWritten / 4);
  // Streams with something to do, each at most once, in order. Handshakes have a line of their own:
  // a step of one takes as long as dozens of requests, so they go last, and have as much time of a
  // turn as the rest took.
  IntrusiveQueue<TlsStream> run_queue;
  IntrusiveQueue<TlsStream> handshakes;
  TurnClock turn_clock;
  bool memory_given_back = false;  // by a stream, in this turn
  // Streams that ended in this turn; freed at its end, when no event of the turn can name them any
  // more.
  IntrusiveQueue<TlsStream> retired;
  // Streams that ended for want of memory, and whose end JavaScript could not be told for want of
  // memory.
  IntrusiveQueue<TlsStream> speechless;
};

}  // namespace keyless::engine
