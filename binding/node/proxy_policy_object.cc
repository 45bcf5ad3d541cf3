#include "node/proxy_policy_object.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace s2npkey::node {

namespace {

constexpr napi_type_tag kPolicyTag = {0x62b7f0d94c1e8a35, 0xe41903ad7b5fc862};

}  // namespace

Napi::Function ProxyPolicyObject::Define(Napi::Env env) {
  return DefineClass(env, "ProxyPolicy", {});
}

ProxyPolicyObject::ProxyPolicyObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ProxyPolicyObject>(info) {
  const Napi::Array given = info[0].As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < given.Length(); i++)
    texts.push_back(given.Get(i).ToString().Utf8Value());
  std::optional<proxy::Networks> from = proxy::Networks::Parse(texts);
  if (!from) throw Napi::TypeError::New(info.Env(), "ProxyPolicy: no list of networks");
  policy_ =
      std::make_shared<const proxy::Policy>(proxy::Policy{std::move(*from), info[1].ToBoolean()});
  info.This().As<Napi::Object>().TypeTag(&kPolicyTag);
}

std::shared_ptr<const proxy::Policy> ProxyPolicyObject::From(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kPolicyTag)) return nullptr;
  return Napi::ObjectWrap<ProxyPolicyObject>::Unwrap(value.As<Napi::Object>())->policy_;
}

}  // namespace s2npkey::node
