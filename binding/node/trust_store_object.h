// `new TrustStore({ authorities, revocationLists, allowPartialChain })`: see NativeTrustStore in
// lib/native/binding.ts.
#pragma once

#include <napi.h>

#include "node/shared_object.h"
#include "tls/trust_store.h"

namespace s2npkey::node {

class TrustStoreObject final : public SharedObject<TrustStoreObject, const tls::TrustStore> {
 public:
  static constexpr const char* kName = "TrustStore";
  static constexpr napi_type_tag kTag = {0x3b7d90c2a1e84f56, 0xc5d2e8f017a4b693};

  explicit TrustStoreObject(const Napi::CallbackInfo& info);
};

}  // namespace s2npkey::node
