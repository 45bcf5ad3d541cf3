// `new ServerContexts(configs, names, asksApplication)`: see NativeServerContexts in
// lib/native/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "tls/server_contexts.h"

namespace s2npkey::node {

class ServerContextsObject final : public Napi::ObjectWrap<ServerContextsObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit ServerContextsObject(const Napi::CallbackInfo& info);

  // Null when `value` is no ServerContexts of this addon.
  static std::shared_ptr<const tls::ServerContexts> From(const Napi::Value& value);

 private:
  // Gives up the contexts now, and not when the garbage collector runs.
  void Release(const Napi::CallbackInfo& info);

  std::shared_ptr<const tls::ServerContexts> contexts_;  // null once released
};

}  // namespace s2npkey::node
