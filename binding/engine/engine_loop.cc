#include "engine/engine_loop.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <csignal>
#include <new>
#include <utility>

#include "engine/thread_policy.h"
#include "tls/arena.h"
#include "tls/library.h"

namespace keyless::engine {

namespace {

// Handshakes have so long of each turn, also where no open connection has anything to do: about a
// step of one that goes on, or dozens that only look at what a peer dripped.
constexpr std::chrono::microseconds kLeastForHandshakes(100);
// While there is more to do at once, events wait for so long, and JavaScript is woken less often:
// to be woken costs it a third of what a connection does.
constexpr std::chrono::microseconds kBatch(500);

// Whoever is not answered in time asks again, and a thread that is held up must not gather that.
constexpr int kMostQuestions = 16;

// For the calling thread, while this lives: also when the thread it is to start cannot be had.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

EngineLoop::EngineLoop(const Limits& limits) : context_(limits) {
  // The process's signals are for its own threads.
  const AllSignalsBlocked blocked;  // inherited by the thread
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "s2n-pkey");
}

EngineLoop::~EngineLoop() {
  if (!thread_.joinable()) {
    End();
    return;
  }
  Submit([](EngineLoop& loop) { loop.stop_ = true; });
  thread_.join();
}

void EngineLoop::Submit(Command command) {
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  if (first) context_.poller.Wake();
}

void EngineLoop::Adopt(StreamId id, Descriptor tcp,
                       std::shared_ptr<const tls::ServerContexts> contexts,
                       std::shared_ptr<EventSink> sink,
                       std::chrono::milliseconds handshake_timeout) {
  // std::function wants a copyable closure, so the descriptor travels as a number; it is owned
  // again at once.
  struct Adoption {
    Descriptor tcp;
    std::shared_ptr<const tls::ServerContexts> contexts;
    std::shared_ptr<EventSink> sink;
  };
  auto adoption =
      std::make_shared<Adoption>(Adoption{std::move(tcp), std::move(contexts), std::move(sink)});
  Submit([id, adoption = std::move(adoption), handshake_timeout](EngineLoop& loop) {
    loop.streams_.emplace(
        id, std::make_unique<TlsStream>(loop.context_, id, std::move(adoption->tcp),
                                        std::move(adoption->contexts), std::move(adoption->sink),
                                        handshake_timeout));
  });
}

void EngineLoop::Connect(StreamId id, Descriptor tcp, Descriptor pair, tls::ClientOptions options,
                         std::shared_ptr<EventSink> sink,
                         std::chrono::milliseconds handshake_timeout) {
  struct Adoption {
    Descriptor tcp;
    Descriptor pair;
    tls::ClientOptions options;
    std::shared_ptr<EventSink> sink;
  };
  auto adoption = std::make_shared<Adoption>(
      Adoption{std::move(tcp), std::move(pair), std::move(options), std::move(sink)});
  Submit([id, adoption = std::move(adoption), handshake_timeout](EngineLoop& loop) {
    loop.streams_.emplace(
        id, std::make_unique<TlsStream>(loop.context_, id, std::move(adoption->tcp),
                                        std::move(adoption->pair), std::move(adoption->options),
                                        std::move(adoption->sink), handshake_timeout));
  });
}

void EngineLoop::Judge(StreamId id, bool accepted) {
  Submit([id, accepted](EngineLoop& loop) {
    if (TlsStream* stream = loop.Find(id)) stream->Judge(accepted);
  });
}

void EngineLoop::Cancel(StreamId id) {
  Submit([id](EngineLoop& loop) {
    if (TlsStream* stream = loop.Find(id)) stream->Abandon();
  });
}

std::future<std::vector<uint8_t>> EngineLoop::ExportKeyingMaterial(
    StreamId id, size_t length, std::string label, std::optional<std::vector<uint8_t>> context) {
  auto promise = std::make_shared<std::promise<std::vector<uint8_t>>>();
  std::future<std::vector<uint8_t>> material = promise->get_future();
  Submit([id, length, label = std::move(label), context = std::move(context),
          promise](EngineLoop& loop) {
    TlsStream* stream = loop.Find(id);
    promise->set_value(stream ? stream->ExportKeyingMaterial(length, label, context)
                              : std::vector<uint8_t>());
  });
  return material;
}

void EngineLoop::CompleteSignature(StreamId id, OperationId operation,
                                   std::vector<uint8_t> signature) {
  Submit([id, operation, signature = std::move(signature)](EngineLoop& loop) mutable {
    if (TlsStream* stream = loop.Find(id))
      stream->CompleteSignature(operation, std::move(signature));
  });
}

void EngineLoop::Destroy(StreamId id, uint8_t alert) {
  Submit([id, alert](EngineLoop& loop) {
    if (TlsStream* stream = loop.Find(id)) stream->Destroy(alert);
  });
}

void EngineLoop::ChooseContext(StreamId id, std::shared_ptr<const tls::Config> config,
                               std::optional<std::string> protocol) {
  Submit([id, config = std::move(config), protocol = std::move(protocol)](EngineLoop& loop) {
    if (TlsStream* stream = loop.Find(id)) stream->ChooseContext(config, protocol);
  });
}

void EngineLoop::Reset(StreamId id) {
  Submit([id](EngineLoop& loop) {
    if (TlsStream* stream = loop.Find(id)) stream->Reset();
  });
}

void EngineLoop::SetNoDelay(StreamId id, bool on) {
  Submit([id, on](EngineLoop& loop) {
    if (TlsStream* stream = loop.Find(id)) stream->SetNoDelay(on);
  });
}

void EngineLoop::SetKeepAlive(StreamId id, bool on, int initial_delay_seconds) {
  Submit([id, on, initial_delay_seconds](EngineLoop& loop) {
    if (TlsStream* stream = loop.Find(id)) stream->SetKeepAlive(on, initial_delay_seconds);
  });
}

void EngineLoop::EndStreamsOf(std::shared_ptr<EventSink> sink) {
  Submit([sink = std::move(sink)](EngineLoop& loop) {
    for (auto& [id, stream] : loop.streams_) {
      if (stream->sink() == sink) stream->Abandon();
    }
  });
}

std::future<void> EngineLoop::Deliver(std::shared_ptr<EventSink> sink) {
  auto delivery = std::make_shared<std::unique_ptr<Delivery>>(std::make_unique<Delivery>());
  (*delivery)->sink = std::move(sink);
  std::future<void> done = (*delivery)->done.get_future();
  Submit([delivery](EngineLoop& loop) { loop.deliveries_.push_back(std::move(*delivery)); });
  return done;
}

std::future<LoopStatistics> EngineLoop::Statistics() {
  if (questions_.fetch_add(1) >= kMostQuestions) {
    questions_.fetch_sub(1);
    return {};
  }
  auto promise = std::make_shared<std::promise<LoopStatistics>>();
  std::future<LoopStatistics> statistics = promise->get_future();
  Submit([promise](EngineLoop& loop) {
    promise->set_value(loop.Count());
    loop.questions_.fetch_sub(1);
  });
  return statistics;
}

LoopStatistics EngineLoop::Count() const {
  LoopStatistics statistics;
  statistics.turns = turns_;
  for (const auto& [id, stream] : streams_) {
    statistics.descriptors += static_cast<uint64_t>(stream->descriptors());
    switch (stream->phase()) {
      case TlsStream::Phase::kHandshake:
      case TlsStream::Phase::kAwaitingContext:
      case TlsStream::Phase::kAwaitingVerdict:
        statistics.handshaking++;
        break;
      case TlsStream::Phase::kAwaitingSignature:
        statistics.awaiting_signature++;
        break;
      case TlsStream::Phase::kOpen:
        statistics.open++;
        break;
      case TlsStream::Phase::kSilent:
        statistics.silent++;
        break;
      case TlsStream::Phase::kLingering:
        statistics.lingering++;
        break;
      case TlsStream::Phase::kClosed:
        break;
    }
  }
  timespec cpu{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  statistics.cpu_nanoseconds =
      static_cast<uint64_t>(cpu.tv_sec) * 1000000000ULL + static_cast<uint64_t>(cpu.tv_nsec);
  return statistics;
}

TlsStream* EngineLoop::Find(StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void EngineLoop::Run() {
  WorkInBatches();
  while (!stop_) {
    const bool woken = Wait();
    TurnAfterWait(woken, Clock::now());  // the time after the wait, not before it
  }
  End();
  tls::CleanupThread();
}

// For something to do. True when there are commands.
bool EngineLoop::Wait() {
  const int timeout = Timeout();
  if (timeout == 0) return context_.poller.Wait(0).woken;
  const Clock::time_point begun = Clock::now();
  Poller::Told told;
  const bool looks = short_waits_.ShouldLook();
  if (looks) {
    // The event loop need not wake a thread that looks, and waking is most of what its write costs.
    do {
      LetOthersGoFirst();
      told = context_.poller.Wait(0);
    } while (!told.anything && Clock::now() - begun < ShortWaits::kShort);
  }
  if (!told.anything) told = context_.poller.Wait(timeout);
  short_waits_.Add(Clock::now() - begun, looks);
  return told.woken;
}

// Of the poller, in ms; -1: for ever.
int EngineLoop::Timeout() const {
  if (HasWork()) return 0;
  int timeout = -1;
  for (const int next :
       {context_.deadlines.Timeout(context_.now), context_.idle_checks.Timeout(context_.now),
        trims_.Timeout(context_.now)}) {
    if (next >= 0 && (timeout < 0 || next < timeout)) timeout = next;
  }
  return timeout;
}

bool EngineLoop::Turn(Clock::time_point now) {
  TurnAfterWait(context_.poller.Wait(0).woken, now);
  return HasWork();
}

void EngineLoop::TurnAfterWait(bool woken, Clock::time_point now) {
  context_.now = now;
  turns_++;
  if (now - context_.events.began() >= kBatch) context_.events.Flush();
  if (woken) ExecuteCommands();
  context_.deadlines.Run(now, [](TlsStream* stream) { stream->OnDeadline(); });
  context_.idle_checks.Run(now, [](TlsStream* stream) { stream->OnIdleCheck(); });
  DriveStreams();
  CheckDeliveries();
  FreeRetired();
  if (!HasWork() || stop_) context_.events.Flush();
  TrimMemory();
}

void EngineLoop::End() {
  streams_.clear();
  for (const std::unique_ptr<Delivery>& delivery : deliveries_) delivery->done.set_value();
  deliveries_.clear();
}

void EngineLoop::ExecuteCommands() {
  std::vector<Command> commands;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    commands.swap(commands_);
  }
  for (Command& command : commands) command(*this);
}

void EngineLoop::DriveStreams() {
  if (!HasWork()) return;
  TurnClock& clock = context_.turn_clock;
  clock.Begin();
  // Those that ask to be run again have their turn in the next one, and so have those that the time
  // does not suffice for.
  for (size_t left = context_.run_queue.size(); left > 0 && !clock.Over(); left--) {
    TlsStream* stream = context_.run_queue.front();
    context_.run_queue.pop_front();
    DriveOne(stream);
    clock.Drove();
  }
  if (context_.handshakes.empty()) return;
  const std::chrono::nanoseconds data = clock.Elapsed();
  const auto end = data + std::max<std::chrono::nanoseconds>(data, kLeastForHandshakes);
  size_t left = context_.handshakes.size();
  do {
    TlsStream* stream = context_.handshakes.front();
    context_.handshakes.pop_front();
    DriveOne(stream);
    if (!context_.handshakes.empty()) LetOthersGoFirst();
  } while (--left > 0 && !context_.handshakes.empty() && clock.Elapsed() < end);
}

void EngineLoop::DriveOne(TlsStream* stream) {
  try {
    stream->Drive();
  } catch (const std::bad_alloc&) {
    stream->OnOutOfMemory();
  }
}

void EngineLoop::CheckDeliveries() {
  for (size_t i = 0; i < deliveries_.size();) {
    bool all = true;
    for (auto& [id, stream] : streams_) {
      if (stream->sink() == deliveries_[i]->sink && !stream->Deliver()) all = false;
    }
    if (all) {
      deliveries_[i]->done.set_value();
      deliveries_.erase(deliveries_.begin() + static_cast<ptrdiff_t>(i));
    } else {
      i++;
    }
  }
}

void EngineLoop::FreeRetired() {
  for (const StreamId id : context_.retired) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    // It may have been asked to run again in this very turn.
    for (auto* queue : {&context_.run_queue, &context_.handshakes})
      queue->erase(std::remove(queue->begin(), queue->end(), found->second.get()), queue->end());
    streams_.erase(found);
    context_.memory_given_back = true;
  }
  context_.retired.clear();
}

void EngineLoop::TrimMemory() {
  trims_.Run(context_.now, [](EngineLoop*) { tls::Arena::Process().Trim(); });
  if (std::exchange(context_.memory_given_back, false) && !trim_.pending())
    trim_.Set(trims_, context_.now + context_.limits.trim, this);
}

}  // namespace keyless::engine
