// One JavaScript environment's end of the engine: an event queue behind one thread-safe function,
// and the calls that become commands. JavaScript's thread, except for the sink's Push and Wake.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/pending_events.h"

namespace s2npkey::node {

// The queue between engine threads and one environment. Engine threads may hold it longer than the
// environment lives.
class EventQueue final : public engine::EventSink {
 public:
  explicit EventQueue(napi_threadsafe_function wake) : wake_(wake) {}

  void Push(engine::Event&& event) override;                  // engine threads
  void Wake() override;                                       // engine threads
  engine::Ending EndingOf(engine::StreamId stream) override;  // engine threads
  bool TakesDescriptors() const override { return true; }

  void WakeArrived();                                          // JavaScript's thread
  std::vector<engine::Event> Take(size_t limit);               // JavaScript's thread
  std::vector<engine::Event> TakeOf(engine::StreamId stream);  // JavaScript's thread
  // How the plaintext of a stream ends, before it does. JavaScript's thread.
  void Ends(engine::StreamId stream, engine::Ending ending);
  // No event and no wake-up after this; what was queued is dropped, its descriptors closed.
  void Close();

 private:
  std::mutex mutex_;
  engine::PendingEvents events_;
  std::unordered_map<engine::StreamId, engine::Ending> endings_;  // none: cut off
  napi_threadsafe_function wake_;                                 // null once closed
  bool wake_pending_ = false;
};

// `new Environment(onEvents)`: see NativeEnvironment in lib/native/binding.ts.
class Environment final : public Napi::ObjectWrap<Environment> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Environment(const Napi::CallbackInfo& info);
  ~Environment() override;

 private:
  Napi::Value Adopt(const Napi::CallbackInfo& info);
  void Admit(const Napi::CallbackInfo& info);
  void ChooseContext(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  Napi::Value TakeDescriptor(const Napi::CallbackInfo& info);
  Napi::Value Connect(const Napi::CallbackInfo& info);
  void Judge(const Napi::CallbackInfo& info);
  void Cancel(const Napi::CallbackInfo& info);
  Napi::Value ExportKeyingMaterial(const Napi::CallbackInfo& info);
  void Complete(const Napi::CallbackInfo& info);
  void EndsInOrder(const Napi::CallbackInfo& info);
  void Destroy(const Napi::CallbackInfo& info);
  void Reset(const Napi::CallbackInfo& info);
  void SetNoDelay(const Napi::CallbackInfo& info);
  void SetKeepAlive(const Napi::CallbackInfo& info);
  void Ref(const Napi::CallbackInfo& info);
  void Unref(const Napi::CallbackInfo& info);
  Napi::Value Deliver(const Napi::CallbackInfo& info);
  Napi::Value SetThreads(const Napi::CallbackInfo& info);
  Napi::Value ArenaLock(const Napi::CallbackInfo& info);
  Napi::Value Diagnostics(const Napi::CallbackInfo& info);
  Napi::Value DescriptorUsage(const Napi::CallbackInfo& info);
  Napi::Value DuplicateListener(const Napi::CallbackInfo& info);
  void CloseFromJavaScript(const Napi::CallbackInfo& info);

  void Close();
  // A command to the stream that the first argument names.
  void Tell(const Napi::CallbackInfo& info, std::function<void(engine::TlsStream&)> act) const;
  // The id of the stream that `start` gives the engine, or a negative errno.
  Napi::Value Begin(Napi::Env env, const std::function<engine::StreamId()>& start);

  static void OnWake(napi_env env, napi_value, void* context, void* data);
  static void OnTeardown(void* self);

  std::shared_ptr<engine::Engine> engine_;
  std::shared_ptr<EventQueue> queue_;
  napi_threadsafe_function wake_ = nullptr;
  // Weak while there are no streams. The thread-safe function itself holds nothing: it would hold
  // on_events, and with it this object, until the environment ends.
  Napi::FunctionReference on_events_;
  size_t streams_ = 0;  // whose last event has not been drained
  // Plaintext ends that JavaScript was told of and has not taken.
  std::unordered_map<engine::StreamId, engine::Descriptor> untaken_;
  bool closed_ = false;
};

}  // namespace s2npkey::node
