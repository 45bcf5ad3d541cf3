// `new ProxyPolicy(from, required)`: see NativeProxyPolicy in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "proxy/policy.h"

namespace s2npkey::node {

class ProxyPolicyObject final : public Napi::ObjectWrap<ProxyPolicyObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit ProxyPolicyObject(const Napi::CallbackInfo& info);

  // Null when `value` is no ProxyPolicy of this addon.
  static std::shared_ptr<const proxy::Policy> From(const Napi::Value& value);

 private:
  std::shared_ptr<const proxy::Policy> policy_;
};

}  // namespace s2npkey::node
