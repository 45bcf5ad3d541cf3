#include "node/server_contexts_object.h"

#include <utility>
#include <vector>

#include "node/config_object.h"

namespace s2npkey::node {

namespace {

constexpr napi_type_tag kContextsTag = {0x3d80e6a1925cf74b, 0xc86f02b7e14d593a};

}  // namespace

Napi::Function ServerContextsObject::Define(Napi::Env env) {
  return DefineClass(env, "ServerContexts",
                     {InstanceMethod("release", &ServerContextsObject::Release)});
}

void ServerContextsObject::Release(const Napi::CallbackInfo&) { contexts_.reset(); }

ServerContextsObject::ServerContextsObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ServerContextsObject>(info) {
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
  contexts_ = std::make_shared<const tls::ServerContexts>(std::move(native), std::move(named),
                                                          info[2].ToBoolean());
  info.This().As<Napi::Object>().TypeTag(&kContextsTag);
}

std::shared_ptr<const tls::ServerContexts> ServerContextsObject::From(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kContextsTag)) return nullptr;
  return Napi::ObjectWrap<ServerContextsObject>::Unwrap(value.As<Napi::Object>())->contexts_;
}

}  // namespace s2npkey::node
