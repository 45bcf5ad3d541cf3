#include "node/trust_store_object.h"

#include "node/texts.h"

namespace s2npkey::node {

TrustStoreObject::TrustStoreObject(const Napi::CallbackInfo& info) : SharedObject(info) {
  const Napi::Object options = info[0].As<Napi::Object>();
  tls::TrustStoreOptions native;
  native.authorities_pem = ReadTexts(options.Get("authorities"));
  native.revocation_lists_pem = ReadTexts(options.Get("revocationLists"));
  native.skip_unusable = options.Get("skipUnusable").ToBoolean();
  native.allow_partial_chain = options.Get("allowPartialChain").ToBoolean();
  native.names_authorities = options.Get("namesAuthorities").ToBoolean();
  Hold(info, [&] { return tls::TrustStore::Create(native); });
  Napi::Array skipped = Napi::Array::New(info.Env());
  for (const size_t index : held()->skipped()) {
    skipped.Set(skipped.Length(), Napi::Number::New(info.Env(), static_cast<double>(index)));
  }
  info.This().As<Napi::Object>().Set("skipped", skipped);
}

}  // namespace s2npkey::node
