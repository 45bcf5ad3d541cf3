#include "engine/engine.h"

#include <utility>

#include "engine/operation_id.h"

namespace s2npkey::engine {

namespace {

// Outlives all environments: constant-initialised and never destroyed, because process.exit runs
// destructors of static objects while engine threads are still running. A std::weak_ptr has a
// destructor, so it lives in raw storage.
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

std::shared_ptr<Engine> Engine::Acquire(const Scheduling& scheduling) {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  std::shared_ptr<Engine> engine = registry.engine.lock();
  if (!engine) {
    engine = std::make_shared<Engine>(Limits{}, scheduling);
    if (scheduling.keep_freed_memory) KeepFreedMemory();
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
  while (loops_.size() < thread_count_)
    loops_.push_back({std::make_unique<EngineLoop>(limits_, scheduling_), {}});
  return *loops_[id % loops_.size()].loop;
}

StreamId Engine::Adopt(Descriptor tcp, std::shared_ptr<const tls::ServerContexts> contexts,
                       std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout,
                       DescriptorTally::Place place, ProxyProtocol proxy) {
  const StreamId id = NextStreamId();
  StartedLoopFor(id).Adopt(id, std::move(tcp), std::move(contexts), std::move(sink),
                           handshake_timeout, std::move(place), std::move(proxy));
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
  return loops_.empty() ? nullptr : loops_[id % loops_.size()].loop.get();
}

void Engine::EndStreamsOf(const std::shared_ptr<EventSink>& sink) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Running& running : loops_) running.loop->EndStreamsOf(sink);
}

bool Engine::Deliver(const std::shared_ptr<EventSink>& sink, std::chrono::milliseconds limit) {
  std::vector<std::future<void>> deliveries;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Running& running : loops_) deliveries.push_back(running.loop->Deliver(sink));
  }
  const auto until = Clock::now() + limit;
  for (std::future<void>& delivery : deliveries) {
    if (delivery.wait_until(until) != std::future_status::ready) return false;
  }
  return true;
}

LoopStatistics Engine::Statistics(std::chrono::milliseconds limit) {
  std::vector<std::future<LoopStatistics>> parts;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Running& running : loops_) parts.push_back(running.loop->Statistics());
  }
  const auto until = Clock::now() + limit;
  for (const std::future<LoopStatistics>& part : parts) {
    if (part.valid()) part.wait_until(until);
  }
  LoopStatistics sum;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < parts.size(); i++) {
    std::future<LoopStatistics>& part = parts[i];
    const bool answered =
        part.valid() && part.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    if (answered) loops_[i].counted = part.get();
    sum.stale = sum.stale || !answered;
    sum.Add(loops_[i].counted);
  }
  return sum;
}

}  // namespace s2npkey::engine
