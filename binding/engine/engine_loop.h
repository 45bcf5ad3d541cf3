// One engine thread: a poller, the streams that it runs, and the commands from other threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/descriptor.h"
#include "engine/descriptor_tally.h"
#include "engine/events.h"
#include "engine/limits.h"
#include "engine/loop_context.h"
#include "engine/scheduling.h"
#include "engine/tls_stream.h"

namespace s2npkey::engine {

// The counts of an engine thread, which it takes between two turns.
struct LoopStatistics {
  uint64_t handshaking = 0;
  uint64_t awaiting_signature = 0;
  uint64_t open = 0;
  uint64_t silent = 0;
  uint64_t lingering = 0;
  uint64_t descriptors = 0;
  uint64_t cpu_nanoseconds = 0;
  uint64_t turns = 0;  // of the loop since its start
  bool stale = false;  // a thread did not answer in time: see Engine::Statistics

  void Add(const LoopStatistics& other) {
    handshaking += other.handshaking;
    awaiting_signature += other.awaiting_signature;
    open += other.open;
    silent += other.silent;
    lingering += other.lingering;
    descriptors += other.descriptors;
    cpu_nanoseconds += other.cpu_nanoseconds;
    turns += other.turns;
  }
};

class EngineLoop {
 public:
  // Starts the thread; throws std::system_error.
  EngineLoop(const Limits& limits, const Scheduling& scheduling);
  ~EngineLoop();  // ends every stream, stops and joins the thread

  // A loop without a thread: the caller calls Turn with a clock of its own. Such a loop is
  // deterministic, which fuzzing needs. `clock` measures the parts of a turn.
  struct Stepped {};
  explicit EngineLoop(Stepped, TurnClock::Now clock = Clock::now, const Limits& limits = {})
      : context_(limits, clock) {}
  // Runs one turn: poller events, commands, deadlines that are due at `now`, and the streams that
  // have work. Returns true if more work can be done at once.
  bool Turn(Clock::time_point now);

  // Any thread may make the calls below. They run on the engine thread, in order.
  void Adopt(StreamId id, Descriptor tcp, std::shared_ptr<const tls::ServerContexts> contexts,
             std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout,
             DescriptorTally::Place place = {}, ProxyProtocol proxy = {});
  // Starts a client's handshake: see TlsStream.
  void Connect(StreamId id, Descriptor tcp, Descriptor pair, tls::ClientOptions options,
               std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout);
  // Runs `act` on a stream, unless it has ended.
  void Tell(StreamId id, std::function<void(TlsStream&)> act);
  // The result is empty if the stream is not open, or the export fails.
  std::future<memory::SecretBytes> ExportKeyingMaterial(
      StreamId id, size_t length, std::string label, std::optional<std::vector<uint8_t>> context);
  // Ends every stream of a sink, before the sink is closed.
  void EndStreamsOf(std::shared_ptr<EventSink> sink);
  // Ready when everything that `sink`'s JavaScript wrote before the call is with TCP, or is lost.
  std::future<void> Deliver(std::shared_ptr<EventSink> sink);
  // Returns an invalid future if too many requests wait for an answer already.
  std::future<LoopStatistics> Statistics();

  EngineLoop(const EngineLoop&) = delete;
  EngineLoop& operator=(const EngineLoop&) = delete;

 private:
  using Command = std::function<void(EngineLoop&)>;
  // The arguments of a new stream. If memory runs out, its end is reported from here.
  struct Adoption {
    StreamId id = 0;
    std::shared_ptr<EventSink> sink;
    Descriptor tcp;
    Descriptor pair;                                      // a client's
    std::shared_ptr<const tls::ServerContexts> contexts;  // a server's
    DescriptorTally::Place place;                         // the same
    ProxyProtocol proxy;                                  // the same
    tls::ClientOptions options;                           // a client's
    std::chrono::milliseconds handshake_timeout{0};
    std::shared_ptr<Adoption> next;
  };
  struct Delivery {
    std::shared_ptr<EventSink> sink;
    std::promise<void> done;
  };

  void Submit(Command command);
  void Run();
  void TurnAfterWait(bool woken, Clock::time_point now);
  void End();
  void ExecuteCommands();
  void DriveStreams();
  template <typename Make>
  void Begin(const std::shared_ptr<Adoption>& adoption, Make make);
  // Running out of memory ends only the stream that is being driven.
  template <typename Act>
  static void Do(TlsStream* stream, Act act) noexcept {
    try {
      std::invoke(act, *stream);
    } catch (const std::bad_alloc&) {
      stream->OnOutOfMemory();
    }
  }
  void TellEnds();
  void CheckDeliveries();
  bool Wait();
  int Timeout() const;
  void TrimMemory();
  void FreeRetired();
  TlsStream* Find(StreamId id);
  LoopStatistics Count() const;
  bool HasWork() const {
    return !context_.run_queue.empty() || !context_.handshakes.empty() ||
           context_.deadlines.AnyDue(context_.now) || context_.idle_checks.AnyDue(context_.now);
  }

  // Any thread.
  std::atomic<int> questions_{0};  // calls of Statistics without an answer yet

  // Any thread, under the mutex.
  std::mutex mutex_;
  std::vector<Command> commands_;

  // Only the engine thread uses these.
  LoopContext context_;
  std::unordered_map<StreamId, std::unique_ptr<TlsStream>> streams_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  std::shared_ptr<Adoption> refused_;
  Deadlines<EngineLoop> trims_;
  Deadlines<EngineLoop>::Entry trim_;
  ShortWaits short_waits_{context_.scheduling.spin};
  std::atomic<bool> stop_{false};
  uint64_t turns_ = 0;

  std::thread thread_;  // last: starts when all members above exist; a stepped loop has none
};

}  // namespace s2npkey::engine
