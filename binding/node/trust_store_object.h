// `new TrustStore({ authorities, revocationLists, allowPartialChain })`: see NativeTrustStore in
// lib/native/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "tls/trust_store.h"

namespace s2npkey::node {

class TrustStoreObject final : public Napi::ObjectWrap<TrustStoreObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit TrustStoreObject(const Napi::CallbackInfo& info);

  // Null when `value` is no TrustStore of this addon.
  static std::shared_ptr<const tls::TrustStore> From(const Napi::Value& value);

 private:
  std::shared_ptr<const tls::TrustStore> store_;
};

}  // namespace s2npkey::node
