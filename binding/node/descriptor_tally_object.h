// `new DescriptorTally()`: see NativeDescriptorTally in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include "engine/descriptor_tally.h"
#include "node/shared_object.h"

namespace s2npkey::node {

class DescriptorTallyObject final
    : public SharedObject<DescriptorTallyObject, engine::DescriptorTally> {
 public:
  static constexpr const char* kName = "DescriptorTally";
  static constexpr napi_type_tag kTag = {0x91c25f0be38d4a67, 0x5ad7036ce91f82b4};

  static Napi::Function Define(Napi::Env env);
  explicit DescriptorTallyObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value Count(const Napi::CallbackInfo& info);
};

}  // namespace s2npkey::node
