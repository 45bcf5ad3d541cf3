#include "node/descriptor_tally_object.h"

#include <memory>

namespace s2npkey::node {

Napi::Function DescriptorTallyObject::Define(Napi::Env env) {
  return DefineClass(env, kName, {InstanceMethod<&DescriptorTallyObject::Count>("count")});
}

DescriptorTallyObject::DescriptorTallyObject(const Napi::CallbackInfo& info) : SharedObject(info) {
  Hold(info, [] { return std::make_shared<engine::DescriptorTally>(); });
}

Napi::Value DescriptorTallyObject::Count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(held()->count()));
}

}  // namespace s2npkey::node
