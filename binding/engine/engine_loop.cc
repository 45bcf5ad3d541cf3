#include "engine/engine_loop.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <csignal>
#include <new>
#include <utility>

#include "engine/scheduling.h"
#include "memory/arena.h"
#include "tls/library.h"

namespace s2npkey::engine {

namespace {

// The time for handshakes in each turn, even if no open connection has work. It suffices for about
// one step of a handshake, or for dozens that only read a few bytes.
constexpr std::chrono::microseconds kLeastForHandshakes(100);

// The interval of retries after memory ran out, in ms.
constexpr int kRetry = 10;

// Thousands of connections that started together expire together, and ending one takes 10 µs.
constexpr size_t kDeadlinesATurn = 64;

// Blocks all signals for the calling thread while this object lives, even if no thread can start.
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

EngineLoop::EngineLoop(const Limits& limits, const Scheduling& scheduling)
    : context_(limits, Clock::now, scheduling) {
  // The signals of the process belong to Node's threads.
  const AllSignalsBlocked blocked;  // inherited by the thread
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "s2n-pkey");
}

EngineLoop::~EngineLoop() {
  if (!thread_.joinable()) {
    End();
    return;
  }
  stop_ = true;
  context_.poller.Wake();
  thread_.join();
}

LoopStatistics EngineLoop::Count() const {
  LoopStatistics statistics;
  statistics.turns = turns_;
  for (const auto& [id, stream] : streams_) {
    statistics.descriptors += static_cast<uint64_t>(stream->descriptors());
    if (stream->AwaitsSignature()) {
      statistics.awaiting_signature++;
    } else if (stream->IsBeforeOpen()) {
      statistics.handshaking++;
    }
    if (stream->Is<Open>()) statistics.open++;
    if (stream->Is<Silent>()) statistics.silent++;
    if (stream->Is<Lingering>()) statistics.lingering++;
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
  if (context_.scheduling.batch_threads) WorkInBatches();
  while (!stop_) {
    const bool woken = Wait();
    TurnAfterWait(woken, Clock::now());  // the time after the wait
  }
  TurnAfterWait(true, Clock::now());  // commands from before the end
  End();
  tls::CleanupThread();
}

// Waits for work. Returns true if there are commands.
bool EngineLoop::Wait() {
  const int timeout = Timeout();
  if (timeout == 0) return context_.poller.Wait(0).woken;
  const Clock::time_point started = Clock::now();
  Poller::Told told;
  const bool looks = short_waits_.ShouldLook();
  if (looks) {
    // The event loop need not wake a thread that polls. Waking it is most of the cost of a write.
    do {
      LetOthersGoFirst();
      told = context_.poller.Wait(0);
    } while (!told.anything && Clock::now() - started < short_waits_.limit());
  }
  if (!told.anything) {
    context_.WipePlaintext();
    told = context_.poller.Wait(timeout);
  }
  short_waits_.Add(Clock::now() - started, looks);
  return told.woken;
}

// The poller's timeout in ms; -1: none.
int EngineLoop::Timeout() const {
  if (HasWork()) return 0;
  int timeout = context_.speechless.empty() && !refused_ ? -1 : kRetry;
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
  if (now - context_.events.began() >= context_.scheduling.event_batch) context_.events.Flush();
  if (woken) ExecuteCommands();
  context_.deadlines.Run(now, kDeadlinesATurn,
                         [](TlsStream* stream) { Do(stream, &TlsStream::OnDeadline); });
  context_.idle_checks.Run(now, kDeadlinesATurn,
                           [](TlsStream* stream) { Do(stream, &TlsStream::OnIdleCheck); });
  DriveStreams();
  CheckDeliveries();
  TellEnds();
  FreeRetired();
  if (!HasWork() || stop_) context_.events.Flush();
  TrimMemory();
}

void EngineLoop::End() {
  streams_.clear();
  for (const std::unique_ptr<Delivery>& delivery : deliveries_) delivery->done.set_value();
  deliveries_.clear();
  while (refused_) refused_ = std::move(refused_->next);
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
  if (context_.run_queue.empty() && context_.handshakes.empty()) return;
  TurnClock& clock = context_.turn_clock;
  clock.Begin();
  // Streams that ask to run again, and those for which there is no time left, run in the next turn.
  for (size_t left = context_.run_queue.size(); left > 0 && !clock.Over(); left--) {
    Do(context_.run_queue.Pop(), &TlsStream::Drive);
    clock.Drove();
  }
  if (context_.handshakes.empty()) return;
  const std::chrono::nanoseconds data = clock.Elapsed();
  const auto end = data + std::max<std::chrono::nanoseconds>(data, kLeastForHandshakes);
  size_t left = context_.handshakes.size();
  do {
    Do(context_.handshakes.Pop(), &TlsStream::Drive);
    if (context_.scheduling.batch_threads && !context_.handshakes.empty()) LetOthersGoFirst();
  } while (--left > 0 && !context_.handshakes.empty() && clock.Elapsed() < end);
}

// Tries again to post the ends that there was no memory to post.
void EngineLoop::TellEnds() {
  for (size_t left = context_.speechless.size(); left > 0; left--)
    Do(context_.speechless.Pop(), &TlsStream::TellEnd);
  try {
    for (; refused_; refused_ = std::move(refused_->next)) {
      HandshakeFailed failed;
      failed.failure = tls::Failure::Of(tls::FailureKind::kResources, "no memory is left");
      context_.events.Post(refused_->sink, Event{refused_->id, std::move(failed)}, context_.now);
    }
  } catch (const std::bad_alloc&) {
    return;  // later
  }
}

void EngineLoop::CheckDeliveries() {
  for (size_t i = 0; i < deliveries_.size();) {
    bool all = true;
    for (auto& [id, stream] : streams_) {
      if (stream->sink() != deliveries_[i]->sink) continue;
      Do(stream.get(), [&all](TlsStream& one) { all = one.Deliver() && all; });
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
  while (TlsStream* stream = context_.retired.Pop()) {
    streams_.erase(stream->id());  // this also removes it from its queue
    context_.memory_given_back = true;
  }
}

void EngineLoop::TrimMemory() {
  trims_.Run(context_.now, 1, [](EngineLoop*) { memory::Arena::Process().Trim(); });
  if (std::exchange(context_.memory_given_back, false) && !trim_.pending())
    trim_.Set(trims_, context_.now + context_.limits.trim, this);
}

}  // namespace s2npkey::engine
