#include "node/environment.h"

#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "engine/descriptor_usage.h"
#include "memory/arena.h"
#include "node/bytes.h"
#include "node/config_object.h"
#include "node/descriptor_tally_object.h"
#include "node/errors.h"
#include "node/event_array.h"
#include "node/proxy_policy_object.h"
#include "node/server_contexts_object.h"
#include "tls/s2n_handles.h"

namespace s2npkey::node {

namespace {

// A turn of an engine thread takes some milliseconds, and one that the kernel runs late some more.
// JavaScript stands still meanwhile.
constexpr std::chrono::milliseconds kCountLimit{100};

engine::Scheduling ReadScheduling(const Napi::CallbackInfo& info) {
  engine::Scheduling scheduling;
  if (!info[1].IsObject()) return scheduling;
  const auto given = info[1].As<Napi::Object>();
  const auto microseconds = [&given](const char* name) {
    return std::chrono::microseconds(given.Get(name).As<Napi::Number>().Int64Value());
  };
  scheduling.batch_threads = given.Get("batchThreads").ToBoolean();
  scheduling.spin = microseconds("spin");
  scheduling.event_batch = microseconds("eventBatch");
  scheduling.turn = microseconds("turn");
  scheduling.keep_freed_memory = given.Get("keepFreedMemory").ToBoolean();
  return scheduling;
}

}  // namespace

void EventQueue::Push(engine::Event&& event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (wake_) events_.Add(std::move(event));
}

void EventQueue::Wake() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!wake_ || wake_pending_ || events_.empty()) return;
  wake_pending_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

void EventQueue::Ends(engine::StreamId stream, engine::Ending ending) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ending == engine::Ending::kCutOff) {
    endings_.erase(stream);
  } else {
    endings_[stream] = ending;
  }
}

engine::Ending EventQueue::EndingOf(engine::StreamId stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = endings_.find(stream);
  return found == endings_.end() ? engine::Ending::kCutOff : found->second;
}

void EventQueue::WakeArrived() {
  const std::lock_guard<std::mutex> lock(mutex_);
  wake_pending_ = false;
}

std::vector<engine::Event> EventQueue::Take(size_t limit) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return events_.Take(limit);
}

std::vector<engine::Event> EventQueue::TakeOf(engine::StreamId stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return events_.TakeOf(stream);
}

void EventQueue::Close() {
  engine::PendingEvents dropped;
  const std::lock_guard<std::mutex> lock(mutex_);
  wake_ = nullptr;
  std::swap(dropped, events_);
}

Napi::Function Environment::Define(Napi::Env env) {
  return DefineClass(env, "Environment",
                     {
                         InstanceMethod<&Environment::Adopt>("adopt"),
                         InstanceMethod<&Environment::Admit>("admit"),
                         InstanceMethod<&Environment::Drain>("drain"),
                         InstanceMethod<&Environment::TakeDescriptor>("takeDescriptor"),
                         InstanceMethod<&Environment::Connect>("connect"),
                         InstanceMethod<&Environment::Judge>("judge"),
                         InstanceMethod<&Environment::Cancel>("cancel"),
                         InstanceMethod<&Environment::ExportKeyingMaterial>("exportKeyingMaterial"),
                         InstanceMethod<&Environment::Complete>("complete"),
                         InstanceMethod<&Environment::ChooseContext>("chooseContext"),
                         InstanceMethod<&Environment::Destroy>("destroy"),
                         InstanceMethod<&Environment::EndsInOrder>("endsInOrder"),
                         InstanceMethod<&Environment::Reset>("reset"),
                         InstanceMethod<&Environment::SetNoDelay>("setNoDelay"),
                         InstanceMethod<&Environment::SetKeepAlive>("setKeepAlive"),
                         InstanceMethod<&Environment::Ref>("ref"),
                         InstanceMethod<&Environment::Unref>("unref"),
                         InstanceMethod<&Environment::Deliver>("deliver"),
                         InstanceMethod<&Environment::SetThreads>("setThreads"),
                         InstanceMethod<&Environment::ArenaLock>("arenaLock"),
                         InstanceMethod<&Environment::Diagnostics>("diagnostics"),
                         InstanceMethod<&Environment::DescriptorUsage>("descriptorUsage"),
                         InstanceMethod<&Environment::DuplicateListener>("duplicateListener"),
                         InstanceMethod<&Environment::CloseFromJavaScript>("close"),
                     });
}

Environment::Environment(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Environment>(info), engine_(engine::Engine::Acquire(ReadScheduling(info))) {
  const Napi::Env env = info.Env();
  if (!info[0].IsFunction()) throw Napi::TypeError::New(env, "new Environment(onEvents)");
  on_events_ = Napi::Weak(info[0].As<Napi::Function>());
  napi_value name = Napi::String::New(env, "s2n-pkey events");
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                      &Environment::OnWake, &wake_) != napi_ok ||
      napi_unref_threadsafe_function(env, wake_) != napi_ok) {
    throw Napi::Error::New(env, "s2n-pkey: no thread-safe function");
  }
  queue_ = std::make_shared<EventQueue>(wake_);
  napi_add_env_cleanup_hook(env, &Environment::OnTeardown, this);
}

Environment::~Environment() {
  if (!closed_) {
    napi_remove_env_cleanup_hook(Env(), &Environment::OnTeardown, this);
    Close();
  }
}

void Environment::OnTeardown(void* self) { static_cast<Environment*>(self)->Close(); }

void Environment::Close() {
  if (closed_) return;
  closed_ = true;
  queue_->Close();  // from here on no engine thread touches the thread-safe function
  untaken_.clear();
  try {
    engine_->EndStreamsOf(queue_);
  } catch (const std::bad_alloc&) {
    // They end when their peers do, or with the last environment.
  }
  napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  engine_.reset();  // the last environment stops the threads
}

void Environment::CloseFromJavaScript(const Napi::CallbackInfo& info) {
  if (closed_) return;
  napi_remove_env_cleanup_hook(info.Env(), &Environment::OnTeardown, this);
  Close();
}

// A call into JavaScript at the end of its event loop's turn. An exception there is the user's own,
// thrown by a listener, and is left to Node as an uncaught exception.
void Environment::OnWake(napi_env env, napi_value, void* context, void*) {
  if (!env) return;  // the environment is going, and `context` may be gone
  auto* self = static_cast<Environment*>(context);
  if (self->closed_) return;
  self->queue_->WakeArrived();
  napi_value on_events = nullptr;
  napi_get_reference_value(env, self->on_events_, &on_events);
  if (!on_events) return;  // garbage already, so nobody waits for events
  napi_value receiver = nullptr;
  napi_get_undefined(env, &receiver);
  napi_call_function(env, receiver, on_events, 0, nullptr, nullptr);
}

void Environment::Tell(const Napi::CallbackInfo& info,
                       std::function<void(engine::TlsStream&)> act) const {
  if (closed_) return;
  engine_->Tell(static_cast<engine::StreamId>(info[0].As<Napi::Number>().Int64Value()),
                std::move(act));
}

Napi::Value Environment::Adopt(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<const tls::ServerContexts> contexts = ServerContextsObject::From(info[1]);
  if (closed_ || !contexts)
    throw Napi::TypeError::New(env, "adopt: closed, or no ServerContexts given");
  // Node's handle keeps its own descriptor and closes it.
  engine::Descriptor tcp(fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0));
  if (!tcp) return Napi::Number::New(env, -errno);
  const std::chrono::milliseconds timeout(info[2].As<Napi::Number>().Int64Value());
  engine::DescriptorTally::Place place(DescriptorTallyObject::From(info[3]));
  engine::ProxyProtocol proxy;
  proxy.policy = ProxyPolicyObject::From(info[4]);
  if (proxy.policy) {
    proxy.carrier_host = info[5].ToString().Utf8Value();
    proxy.asks = info[6].ToBoolean();
  }
  return Begin(env, [&] {
    return engine_->Adopt(std::move(tcp), contexts, queue_, timeout, std::move(place),
                          std::move(proxy));
  });
}

Napi::Value Environment::Begin(Napi::Env env, const std::function<engine::StreamId()>& start) {
  try {
    const engine::StreamId stream = start();
    if (streams_++ == 0) on_events_.Ref();
    return Napi::Number::New(env, static_cast<double>(stream));
  } catch (const std::system_error& error) {  // no thread or no epoll instance to be had
    return Napi::Number::New(env, -error.code().value());
  } catch (const std::bad_alloc&) {
    return Napi::Number::New(env, -ENOMEM);
  }
}

Napi::Value Environment::Drain(const Napi::CallbackInfo& info) {
  std::vector<engine::Event> events =
      info[1].IsNumber()
          ? queue_->TakeOf(static_cast<engine::StreamId>(info[1].As<Napi::Number>().Int64Value()))
          : queue_->Take(info[0].As<Napi::Number>().Uint32Value());
  size_t ended = 0;
  for (engine::Event& event : events) {
    if (event.kind() == engine::Event::Kind::kSecure) {
      engine::Descriptor& descriptor = event.secure().descriptor;
      if (!descriptor) continue;  // a client has it already
      untaken_.insert_or_assign(event.stream, std::move(descriptor));
    } else if (event.kind() == engine::Event::Kind::kFailed ||
               event.kind() == engine::Event::Kind::kClosed) {
      ended++;
    }
  }
  if (ended > 0 && (streams_ -= ended) == 0) on_events_.Unref();
  return ToArray(info.Env(), events);
}

Napi::Value Environment::TakeDescriptor(const Napi::CallbackInfo& info) {
  const auto found =
      untaken_.find(static_cast<engine::StreamId>(info[0].As<Napi::Number>().Int64Value()));
  if (found == untaken_.end()) return Napi::Number::New(info.Env(), -1);
  const int fd = found->second.Release();
  untaken_.erase(found);
  if (info[1].ToBoolean()) Tell(info, &engine::TlsStream::Taken);
  return Napi::Number::New(info.Env(), fd);
}

void Environment::Admit(const Napi::CallbackInfo& info) { Tell(info, &engine::TlsStream::Admit); }

void Environment::Complete(const Napi::CallbackInfo& info) {
  const auto operation = static_cast<engine::OperationId>(info[1].As<Napi::Number>().Int64Value());
  Tell(info, [operation, signature = BytesOf(info[2])](engine::TlsStream& stream) {
    stream.CompleteSignature(operation, signature);
  });
}

void Environment::Destroy(const Napi::CallbackInfo& info) {
  const int alert = info[1].As<Napi::Number>().Int32Value();
  Tell(info, [alert](engine::TlsStream& stream) { stream.Destroy(alert); });
}

void Environment::ChooseContext(const Napi::CallbackInfo& info) {
  std::optional<std::string> protocol;
  if (info[2].IsString()) protocol = info[2].As<Napi::String>().Utf8Value();
  Tell(info, [config = ConfigObject::From(info[1]), protocol](engine::TlsStream& stream) {
    stream.ChooseContext(config, protocol);
  });
}

// Not a command: it has to be known when the end of the plaintext is seen.
void Environment::EndsInOrder(const Napi::CallbackInfo& info) {
  queue_->Ends(static_cast<engine::StreamId>(info[0].As<Napi::Number>().Int64Value()),
               info[1].ToBoolean() ? engine::Ending::kInOrder : engine::Ending::kCutOff);
}

// The command acts at once, whatever waits to be sent. It may come after the end of the plaintext.
void Environment::Reset(const Napi::CallbackInfo& info) {
  queue_->Ends(static_cast<engine::StreamId>(info[0].As<Napi::Number>().Int64Value()),
               engine::Ending::kReset);
  Tell(info, &engine::TlsStream::Reset);
}

void Environment::SetNoDelay(const Napi::CallbackInfo& info) {
  Tell(info,
       [on = info[1].ToBoolean().Value()](engine::TlsStream& stream) { stream.SetNoDelay(on); });
}

void Environment::SetKeepAlive(const Napi::CallbackInfo& info) {
  const bool on = info[1].ToBoolean();
  const int delay = info[2].As<Napi::Number>().Int32Value();
  Tell(info, [on, delay](engine::TlsStream& stream) { stream.SetKeepAlive(on, delay); });
}

void Environment::Ref(const Napi::CallbackInfo& info) {
  if (!closed_) napi_ref_threadsafe_function(info.Env(), wake_);
}

void Environment::Unref(const Napi::CallbackInfo& info) {
  if (!closed_) napi_unref_threadsafe_function(info.Env(), wake_);
}

Napi::Value Environment::Deliver(const Napi::CallbackInfo& info) {
  const std::chrono::milliseconds limit(info[0].As<Napi::Number>().Int64Value());
  return Napi::Boolean::New(info.Env(), closed_ || engine_->Deliver(queue_, limit));
}

Napi::Value Environment::SetThreads(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(
      info.Env(), !closed_ && engine_->SetThreads(info[0].As<Napi::Number>().Uint32Value()));
}

Napi::Value Environment::DescriptorUsage(const Napi::CallbackInfo& info) {
  const engine::DescriptorUsage usage = engine::DescriptorUsage::OfProcess();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("used", Napi::Number::New(info.Env(), static_cast<double>(usage.used)));
  result.Set("limit", Napi::Number::New(info.Env(), static_cast<double>(usage.limit)));
  return result;
}

Napi::Value Environment::DuplicateListener(const Napi::CallbackInfo& info) {
  const int listening = info[0].As<Napi::Number>().Int32Value();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("backlog", Napi::Number::New(info.Env(), engine::BacklogOf(listening)));
  const int duplicate = fcntl(listening, F_DUPFD_CLOEXEC, 0);
  result.Set("fd", Napi::Number::New(info.Env(), duplicate < 0 ? -errno : duplicate));
  return result;
}

Napi::Value Environment::ArenaLock(const Napi::CallbackInfo& info) {
  const memory::ArenaStatistics arena = memory::Arena::Process().Statistics();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("taken", Napi::Number::New(info.Env(), static_cast<double>(arena.lock_taken)));
  result.Set("waited", Napi::Number::New(info.Env(), static_cast<double>(arena.lock_waited)));
  return result;
}

Napi::Value Environment::Diagnostics(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const engine::LoopStatistics statistics =
      closed_ ? engine::LoopStatistics{} : engine_->Statistics(kCountLimit);
  Napi::Object result = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) {
    result.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("threads", closed_ ? 0 : engine_->threads());
  set("handshaking", statistics.handshaking);
  set("awaitingSignature", statistics.awaiting_signature);
  set("open", statistics.open);
  set("silent", statistics.silent);
  set("lingering", statistics.lingering);
  set("descriptors", statistics.descriptors);
  set("cpuNanoseconds", statistics.cpu_nanoseconds);
  set("operations", tls::outstanding_operations.load(std::memory_order_relaxed));
  const memory::ArenaStatistics arena = memory::Arena::Process().Statistics();
  set("arenaBytesInUse", arena.bytes_in_use);
  set("arenaBytesLocked", arena.bytes_locked);
  set("arenaBytesUnlocked", arena.bytes_unlocked);
  result.Set("stale", Napi::Boolean::New(env, statistics.stale));
  return result;
}

}  // namespace s2npkey::node
