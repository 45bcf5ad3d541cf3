// `new ServerContexts(configs, names, asksApplication)`: see NativeServerContexts in
// lib/native/binding.ts.
#pragma once

#include <napi.h>

#include "node/shared_object.h"
#include "tls/server_contexts.h"

namespace s2npkey::node {

class ServerContextsObject final
    : public SharedObject<ServerContextsObject, const tls::ServerContexts> {
 public:
  static constexpr const char* kName = "ServerContexts";
  static constexpr napi_type_tag kTag = {0x3d80e6a1925cf74b, 0xc86f02b7e14d593a};

  static Napi::Function Define(Napi::Env env);
  explicit ServerContextsObject(const Napi::CallbackInfo& info);

 private:
  // Gives up the contexts now, and not when the garbage collector runs.
  void Release(const Napi::CallbackInfo& info);
};

}  // namespace s2npkey::node
