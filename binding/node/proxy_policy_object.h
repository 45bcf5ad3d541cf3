// `new ProxyPolicy(from, required)`: see NativeProxyPolicy in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include "node/shared_object.h"
#include "proxy/policy.h"

namespace s2npkey::node {

class ProxyPolicyObject final : public SharedObject<ProxyPolicyObject, const proxy::Policy> {
 public:
  static constexpr const char* kName = "ProxyPolicy";
  static constexpr napi_type_tag kTag = {0x62b7f0d94c1e8a35, 0xe41903ad7b5fc862};

  explicit ProxyPolicyObject(const Napi::CallbackInfo& info);
};

}  // namespace s2npkey::node
