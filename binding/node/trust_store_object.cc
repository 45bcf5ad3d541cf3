#include "node/trust_store_object.h"

#include <string>
#include <vector>

#include "node/errors.h"
#include "tls/error.h"

namespace keyless::node {

namespace {

constexpr napi_type_tag kTrustStoreTag = {0x3b7d90c2a1e84f56, 0xc5d2e8f017a4b693};

std::vector<std::string> Texts(const Napi::Value& value) {
  std::vector<std::string> texts;
  const Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) texts.push_back(list.Get(i).ToString().Utf8Value());
  return texts;
}

}  // namespace

Napi::Function TrustStoreObject::Define(Napi::Env env) {
  return DefineClass(env, "TrustStore", {});
}

TrustStoreObject::TrustStoreObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<TrustStoreObject>(info) {
  const Napi::Object options = info[0].As<Napi::Object>();
  tls::TrustStoreOptions native;
  native.authorities_pem = Texts(options.Get("authorities"));
  native.revocation_lists_pem = Texts(options.Get("revocationLists"));
  native.allow_partial_chain = options.Get("allowPartialChain").ToBoolean();
  try {
    store_ = tls::TrustStore::Create(native);
  } catch (const tls::Error& error) {
    throw ToNapiError(info.Env(), error);
  }
  info.This().As<Napi::Object>().TypeTag(&kTrustStoreTag);
}

std::shared_ptr<const tls::TrustStore> TrustStoreObject::From(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTrustStoreTag)) return nullptr;
  return Napi::ObjectWrap<TrustStoreObject>::Unwrap(value.As<Napi::Object>())->store_;
}

}  // namespace keyless::node
