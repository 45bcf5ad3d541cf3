#include "node/trust_store_object.h"

#include "node/errors.h"
#include "node/texts.h"
#include "tls/error.h"

namespace s2npkey::node {

namespace {

constexpr napi_type_tag kTrustStoreTag = {0x3b7d90c2a1e84f56, 0xc5d2e8f017a4b693};

}  // namespace

Napi::Function TrustStoreObject::Define(Napi::Env env) {
  return DefineClass(env, "TrustStore", {});
}

TrustStoreObject::TrustStoreObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<TrustStoreObject>(info) {
  const Napi::Object options = info[0].As<Napi::Object>();
  tls::TrustStoreOptions native;
  native.authorities_pem = ReadTexts(options.Get("authorities"));
  native.revocation_lists_pem = ReadTexts(options.Get("revocationLists"));
  native.skip_unusable = options.Get("skipUnusable").ToBoolean();
  native.allow_partial_chain = options.Get("allowPartialChain").ToBoolean();
  native.names_authorities = options.Get("namesAuthorities").ToBoolean();
  try {
    store_ = tls::TrustStore::Create(native);
  } catch (const tls::Error& error) {
    throw ToNapiError(info.Env(), error);
  }
  Napi::Array skipped = Napi::Array::New(info.Env());
  for (const size_t index : store_->skipped()) {
    skipped.Set(skipped.Length(), Napi::Number::New(info.Env(), static_cast<double>(index)));
  }
  Napi::Object object = info.This().As<Napi::Object>();
  object.Set("skipped", skipped);
  object.TypeTag(&kTrustStoreTag);
}

std::shared_ptr<const tls::TrustStore> TrustStoreObject::From(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTrustStoreTag)) return nullptr;
  return Napi::ObjectWrap<TrustStoreObject>::Unwrap(value.As<Napi::Object>())->store_;
}

}  // namespace s2npkey::node
