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
  // Returns the engine of the process, and creates it if no environment holds one. `scheduling`
  // applies only if this call creates it.
  static std::shared_ptr<Engine> Acquire(const Scheduling& scheduling);
  explicit Engine(const Limits& limits = {}, const Scheduling& scheduling = {})
      : limits_(limits), scheduling_(scheduling) {}

  // Sets the number of threads. Returns false if threads have started already.
  bool SetThreads(size_t count);
  size_t threads() const;

  // Takes ownership of an accepted descriptor. Its events go to `sink`. `place` is kept until the
  // descriptor is closed.
  StreamId Adopt(Descriptor tcp, std::shared_ptr<const tls::ServerContexts> contexts,
                 std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout,
                 DescriptorTally::Place place = {}, ProxyProtocol proxy = {});
  // Starts a client's handshake over a connected descriptor. `pair` is one end of a socketpair;
  // JavaScript has the other.
  StreamId Connect(Descriptor tcp, Descriptor pair, tls::ClientOptions options,
                   std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout);
  // The loop that runs a stream; null before threads have started.
  EngineLoop* LoopOf(StreamId id);
  // See EngineLoop::Tell.
  void Tell(StreamId id, std::function<void(TlsStream&)> act) {
    if (EngineLoop* loop = LoopOf(id)) loop->Tell(id, std::move(act));
  }

  void EndStreamsOf(const std::shared_ptr<EventSink>& sink);
  // Waits until TCP has everything that JavaScript wrote, at most for `limit`. Returns false if the
  // time ran out.
  bool Deliver(const std::shared_ptr<EventSink>& sink, std::chrono::milliseconds limit);
  // Collects the threads' counts, for at most `limit` in total. If a thread does not answer in
  // time, its last counts are used and `stale` is set.
  LoopStatistics Statistics(std::chrono::milliseconds limit = std::chrono::milliseconds(60000));

 private:
  struct Running {
    std::unique_ptr<EngineLoop> loop;
    LoopStatistics counted;  // its last answer
  };

  // Starts the threads on the first call.
  EngineLoop& StartedLoopFor(StreamId id);

  const Limits limits_;
  const Scheduling scheduling_;
  mutable std::mutex mutex_;
  size_t thread_count_ = 1;
  std::vector<Running> loops_;
};

}  // namespace s2npkey::engine
