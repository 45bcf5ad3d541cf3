#include "node/server_contexts_object.h"

#include <utility>
#include <vector>

#include "node/config_object.h"

namespace s2npkey::node {

Napi::Function ServerContextsObject::Define(Napi::Env env) {
  return DefineClass(env, kName, {InstanceMethod("release", &ServerContextsObject::Release)});
}

void ServerContextsObject::Release(const Napi::CallbackInfo&) { LetGo(); }

ServerContextsObject::ServerContextsObject(const Napi::CallbackInfo& info) : SharedObject(info) {
  const Napi::Array configs = info[0].As<Napi::Array>();
  const Napi::Array names = info[1].As<Napi::Array>();
  std::vector<std::shared_ptr<const tls::Config>> native;
  for (uint32_t i = 0; i < configs.Length(); i++) {
    native.push_back(ConfigObject::From(configs.Get(i)));
    if (!native.back()) throw Napi::TypeError::New(info.Env(), "ServerContexts: no Config");
  }
  std::vector<tls::ServerContexts::Name> named;
  for (uint32_t i = 0; i + 1 < names.Length(); i += 2) {
    const size_t index = names.Get(i + 1).As<Napi::Number>().Uint32Value();
    if (index < native.size()) named.emplace_back(names.Get(i).ToString().Utf8Value(), index);
  }
  if (native.empty()) throw Napi::TypeError::New(info.Env(), "ServerContexts: no Config");
  Hold(info, [&] {
    return std::make_shared<const tls::ServerContexts>(std::move(native), std::move(named),
                                                       info[2].ToBoolean());
  });
}

}  // namespace s2npkey::node
