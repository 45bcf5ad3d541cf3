// The process's engine: its threads start with the first connection and end with the last
// environment.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/descriptor_tally.h"
#include "engine/engine_loop.h"
#include "engine/scheduling.h"

namespace s2npkey::engine {

// Shared by the environments of a process (worker threads load the addon again). Any thread.
class Engine {
 public:
  // The one engine, made anew when the last holder of the former let it go.
  // `scheduling` counts only for the one that makes it.
  static std::shared_ptr<Engine> Acquire(const Scheduling& scheduling);
  explicit Engine(const Limits& limits = {}, const Scheduling& scheduling = {})
      : limits_(limits), scheduling_(scheduling) {}

  // How many threads to run; takes effect while none has been started. False: too late.
  bool SetThreads(size_t count);
  size_t threads() const;

  // Takes an accepted descriptor over. Its events go to `sink`, beginning with kSecure or kFailed;
  // `place` is kept until it is closed.
  StreamId Adopt(Descriptor tcp, std::shared_ptr<const tls::ServerContexts> contexts,
                 std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout,
                 DescriptorTally::Place place = {});
  // Begins a client's handshake over a connected descriptor. `pair`: the end of a socketpair whose
  // other end JavaScript has.
  StreamId Connect(Descriptor tcp, Descriptor pair, tls::ClientOptions options,
                   std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout);
  // The loop a stream lives on; null while no thread was started.
  EngineLoop* LoopOf(StreamId id);
  // See EngineLoop::Tell.
  void Tell(StreamId id, std::function<void(TlsStream&)> act) {
    if (EngineLoop* loop = LoopOf(id)) loop->Tell(id, std::move(act));
  }

  void EndStreamsOf(const std::shared_ptr<EventSink>& sink);
  // Waits until what JavaScript wrote was handed to TCP, at most for `limit`. False: the time was
  // over first.
  bool Deliver(const std::shared_ptr<EventSink>& sink, std::chrono::milliseconds limit);
  // Waits for what the threads count, at most for `limit` altogether. Where one does not answer in
  // time, what it counted last takes its place, and `stale` says so.
  LoopStatistics Statistics(std::chrono::milliseconds limit = std::chrono::milliseconds(60000));

 private:
  struct Running {
    std::unique_ptr<EngineLoop> loop;
    LoopStatistics counted;  // the last time it answered
  };

  // Starts the threads, the first time.
  EngineLoop& StartedLoopFor(StreamId id);

  const Limits limits_;
  const Scheduling scheduling_;
  mutable std::mutex mutex_;
  size_t thread_count_ = 1;
  std::vector<Running> loops_;
};

}  // namespace s2npkey::engine
