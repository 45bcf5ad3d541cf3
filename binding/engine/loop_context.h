// What the streams of one engine thread share. Touched by that thread alone.
#pragma once

#include <openssl/mem.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "engine/deadlines.h"
#include "engine/events.h"
#include "engine/intrusive_queue.h"
#include "engine/limits.h"
#include "engine/poller.h"
#include "engine/scheduling.h"
#include "memory/secret_bytes.h"
#include "tls/connection.h"
#include "tls/error.h"
#include "tls/plaintext.h"

namespace s2npkey::engine {

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

  // The configuration that open connections of servers or clients have in common. Throws
  // std::bad_alloc.
  const std::shared_ptr<const tls::Config>& AfterHandshake(bool client) {
    std::shared_ptr<const tls::Config>& config = client ? client_after_ : server_after_;
    if (!config) {
      tls::ConfigOptions options;
      options.client = client;  // and so takes session tickets
      try {
        config = tls::Config::Create(options);
      } catch (const tls::Error&) {
        throw std::bad_alloc();  // nothing else can be wrong with it
      }
    }
    return config;
  }

  // Before the thread sleeps: leaves no plaintext in what its streams share. (What is in
  // data_records was encrypted there.)
  void WipePlaintext() noexcept {
    OPENSSL_cleanse(written.data(), std::exchange(written_used, 0));
    OPENSSL_cleanse(received.data(), std::exchange(received_used, 0));
    plaintext.Wipe();
  }

  explicit LoopContext(const Limits& given = {}, TurnClock::Now clock = Clock::now,
                       const Scheduling& tuning = {})
      : limits(given), scheduling(tuning), turn_clock(clock, tuning.turn) {}

  const Limits limits;
  const Scheduling scheduling;
  Poller poller;
  Deadlines<TlsStream> deadlines;
  Deadlines<TlsStream> idle_checks;
  Clock::time_point now = Clock::now();
  EventBatch events;
  memory::SecretBytes written = memory::SecretBytes(kWritten);  // by JavaScript
  size_t written_used = 0;                                      // since it was wiped, as below
  // Records as they came, decrypted there: in the middle of room for what s2n kept of those before.
  memory::SecretBytes received = memory::SecretBytes(kChunk + 2 * tls::Connection::kRecordRoom);
  size_t received_used = 0;
  tls::Plaintext plaintext{kChunk + tls::Connection::kRecordRoom};
  // Records of the stream being driven, gathered so that a flight or a batch is written once.
  std::vector<uint8_t> records;
  // Where those of its data are made, and written from. Enough for such plaintext in the smallest
  // records that a peer may ask for (512 bytes, RFC 6066 section 4), with all that goes with each.
  memory::SecretBytes data_records = memory::SecretBytes(kWritten + kWritten / 4);
  // Streams with something to do, each at most once, in order. Handshakes have a line of their own:
  // a step of one takes as long as dozens of requests, so they go last, and have as much time of a
  // turn as the rest took.
  IntrusiveQueue<TlsStream> run_queue;
  IntrusiveQueue<TlsStream> handshakes;
  TurnClock turn_clock;
  bool memory_given_back = false;  // by a stream, in this turn
  // Streams in their silence, but for those that end early: the oldest first.
  IntrusiveQueue<TlsStream> silent;
  // Streams that ended in this turn; freed at its end, when no event of the turn can name them any
  // more.
  IntrusiveQueue<TlsStream> retired;
  // Streams that ended for want of memory, and whose end JavaScript could not be told for want of
  // memory.
  IntrusiveQueue<TlsStream> speechless;

 private:
  std::shared_ptr<const tls::Config> server_after_;  // made when first needed
  std::shared_ptr<const tls::Config> client_after_;
};

}  // namespace s2npkey::engine
