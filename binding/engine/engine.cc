#include "engine/engine.h"

#include <utility>

#include "engine/freed_memory.h"
#include "engine/operation_id.h"

namespace keyless::engine {

namespace {

// What outlives every environment: constant-initialised and never destroyed, since process.exit
// runs destructors of static objects while engine threads are still at work. A std::weak_ptr would
// have one, so it lives in raw storage.
struct Registry {
  std::mutex mutex;
  std::weak_ptr<Engine> engine;
};

Registry& TheRegistry() {
  alignas(Registry) static unsigned char storage[sizeof(Registry)];
  static Registry* const registry = ::new (static_cast<void*>(storage)) Registry;
  return *registry;
}

}  // namespace

std::shared_ptr<Engine> Engine::Acquire() {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  std::shared_ptr<Engine> engine = registry.engine.lock();
  if (!engine) {
    KeepFreedMemory();
    engine = std::make_shared<Engine>();
    registry.engine = engine;
  }
  return engine;
}

bool Engine::SetThreads(size_t count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!loops_.empty()) return loops_.size() == count;
  thread_count_ = count;
  return true;
}

size_t Engine::threads() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return loops_.size();
}

EngineLoop& Engine::StartedLoopFor(StreamId id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  while (loops_.size() < thread_count_) loops_.push_back(std::make_unique<EngineLoop>(limits_));
  return *loops_[id % loops_.size()];
}

StreamId Engine::Adopt(Descriptor tcp, std::shared_ptr<const tls::ServerContexts> contexts,
                       std::shared_ptr<EventSink> sink,
                       std::chrono::milliseconds handshake_timeout) {
  const StreamId id = NextStreamId();
  StartedLoopFor(id).Adopt(id, std::move(tcp), std::move(contexts), std::move(sink),
                           handshake_timeout);
  return id;
}

StreamId Engine::Connect(Descriptor tcp, Descriptor pair, tls::ClientOptions options,
                         std::shared_ptr<EventSink> sink,
                         std::chrono::milliseconds handshake_timeout) {
  const StreamId id = NextStreamId();
  StartedLoopFor(id).Connect(id, std::move(tcp), std::move(pair), std::move(options),
                             std::move(sink), handshake_timeout);
  return id;
}

EngineLoop* Engine::LoopOf(StreamId id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return loops_.empty() ? nullptr : loops_[id % loops_.size()].get();
}

void Engine::EndStreamsOf(const std::shared_ptr<EventSink>& sink) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<EngineLoop>& loop : loops_) loop->EndStreamsOf(sink);
}

bool Engine::Deliver(const std::shared_ptr<EventSink>& sink, std::chrono::milliseconds limit) {
  std::vector<std::future<void>> deliveries;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::unique_ptr<EngineLoop>& loop : loops_)
      deliveries.push_back(loop->Deliver(sink));
  }
  const auto until = Clock::now() + limit;
  for (std::future<void>& delivery : deliveries) {
    if (delivery.wait_until(until) != std::future_status::ready) return false;
  }
  return true;
}

LoopStatistics Engine::Statistics() {
  std::vector<std::future<LoopStatistics>> parts;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::unique_ptr<EngineLoop>& loop : loops_) parts.push_back(loop->Statistics());
  }
  LoopStatistics sum;
  for (std::future<LoopStatistics>& part : parts) {
    const LoopStatistics one = part.get();
    sum.handshaking += one.handshaking;
    sum.awaiting_signature += one.awaiting_signature;
    sum.open += one.open;
    sum.silent += one.silent;
    sum.lingering += one.lingering;
    sum.descriptors += one.descriptors;
    sum.cpu_nanoseconds += one.cpu_nanoseconds;
    sum.turns += one.turns;
  }
  return sum;
}

}  // namespace keyless::engine
