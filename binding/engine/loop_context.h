// State that the streams of one engine thread share. Only that thread uses it.
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

// Batches events, so that each sink is woken once, however many events it gets.
class EventBatch {
 public:
  // Posts nothing if it throws std::bad_alloc.
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

  // The time of the first pending event; without one, the maximum time.
  Clock::time_point began() const noexcept {
    return sinks_.empty() ? Clock::time_point::max() : began_;
  }

 private:
  std::vector<std::shared_ptr<EventSink>> sinks_;
  Clock::time_point began_;
};

struct LoopContext {
  // Bytes read at once from TCP, and from JavaScript. A turn needs only one chunk of each kind,
  // however many connections there are. The chunk for JavaScript holds six full records and a part
  // of one.
  static constexpr size_t kChunk = 65536;
  static constexpr size_t kWritten = kChunk + 34816;

  // The configuration that open connections of servers or of clients share. Throws std::bad_alloc.
  const std::shared_ptr<const tls::Config>& AfterHandshake(bool client) {
    std::shared_ptr<const tls::Config>& config = client ? client_after_ : server_after_;
    if (!config) {
      tls::ConfigOptions options;
      options.client = client;  // and so takes session tickets
      try {
        config = tls::Config::Create(options);
      } catch (const tls::Error&) {
        throw std::bad_alloc();  // it cannot fail for another reason
      }
    }
    return config;
  }

  // Called before the thread sleeps: wipes plaintext from the shared buffers. (data_records holds
  // only encrypted data.)
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
  // Received records, decrypted in place. Both ends have room for a partial record that s2n kept.
  memory::SecretBytes received = memory::SecretBytes(kChunk + 2 * tls::Connection::kRecordRoom);
  size_t received_used = 0;
  tls::Plaintext plaintext{kChunk + tls::Connection::kRecordRoom};
  // Records of the stream being driven, collected so that a flight or a batch needs one write.
  std::vector<uint8_t> records;
  // Application data records are created here and written from here. There is room for the
  // plaintext in the smallest records that a peer may request (512 bytes, RFC 6066 section 4), with
  // overhead.
  memory::SecretBytes data_records = memory::SecretBytes(kWritten + kWritten / 4);
  // Streams with work, each at most once, in order. Handshakes have their own queue. A step of one
  // takes as long as dozens of requests, so they run last, for as much time as the rest took.
  IntrusiveQueue<TlsStream> run_queue;
  IntrusiveQueue<TlsStream> handshakes;
  TurnClock turn_clock;
  bool memory_given_back = false;  // by a stream, in this turn
  // Silent streams, except those that end early; the oldest first.
  IntrusiveQueue<TlsStream> silent;
  // Streams that ended in this turn. They are freed at its end, when no event can refer to them.
  IntrusiveQueue<TlsStream> retired;
  // Streams that ended because memory ran out, and whose last event could not be posted for the
  // same reason.
  IntrusiveQueue<TlsStream> speechless;

 private:
  std::shared_ptr<const tls::Config> server_after_;  // created when first needed
  std::shared_ptr<const tls::Config> client_after_;
};

}  // namespace s2npkey::engine
