#include "node/config_object.h"

#include <string>
#include <utility>
#include <vector>

#include "node/errors.h"
#include "node/local_key_object.h"
#include "tls/error.h"

namespace keyless::node {

namespace {

constexpr napi_type_tag kConfigTag = {0x6f1c2a9e5d3b4c70, 0x9b8a7e6d5c4f3a21};

}  // namespace

Napi::Function ConfigObject::Define(Napi::Env env) {
  return DefineClass(env, "Config", {InstanceMethod<&ConfigObject::KeyName>("keyName")});
}

ConfigObject::ConfigObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ConfigObject>(info) {
  const Napi::Object options = info[0].As<Napi::Object>();
  tls::ConfigOptions native;
  native.certificate_chain_pem = options.Get("certificateChain").ToString().Utf8Value();
  native.security_policy = options.Get("securityPolicy").ToString().Utf8Value();
  const Napi::Value protocols = options.Get("alpnProtocols");
  if (protocols.IsArray()) {
    const Napi::Array list = protocols.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
      native.alpn_protocols.push_back(list.Get(i).ToString().Utf8Value());
    }
  }
  const Napi::Value key = options.Get("localKey");
  if (!key.IsUndefined()) native.local_key = LocalKeyObject::From(key);
  try {
    config_ = tls::Config::Create(native);
  } catch (const tls::Error& error) {
    throw ToNapiError(info.Env(), error);
  }
  info.This().As<Napi::Object>().TypeTag(&kConfigTag);
}

std::shared_ptr<const tls::Config> ConfigObject::From(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kConfigTag)) return nullptr;
  return Napi::ObjectWrap<ConfigObject>::Unwrap(value.As<Napi::Object>())->config_;
}

Napi::Value ConfigObject::KeyName(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), config_->certificate_key().name);
}

}  // namespace keyless::node
