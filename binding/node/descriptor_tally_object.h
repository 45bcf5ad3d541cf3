// `new DescriptorTally()`: see NativeDescriptorTally in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "engine/descriptor_tally.h"

namespace s2npkey::node {

class DescriptorTallyObject final : public Napi::ObjectWrap<DescriptorTallyObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit DescriptorTallyObject(const Napi::CallbackInfo& info);

  // Null when `value` is no DescriptorTally of this addon.
  static std::shared_ptr<engine::DescriptorTally> From(const Napi::Value& value);

 private:
  Napi::Value Count(const Napi::CallbackInfo& info);

  const std::shared_ptr<engine::DescriptorTally> tally_ =
      std::make_shared<engine::DescriptorTally>();
};

}  // namespace s2npkey::node
