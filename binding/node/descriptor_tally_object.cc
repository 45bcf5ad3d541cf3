#include "node/descriptor_tally_object.h"

namespace s2npkey::node {

namespace {

constexpr napi_type_tag kTallyTag = {0x91c25f0be38d4a67, 0x5ad7036ce91f82b4};

}  // namespace

Napi::Function DescriptorTallyObject::Define(Napi::Env env) {
  return DefineClass(env, "DescriptorTally",
                     {InstanceMethod<&DescriptorTallyObject::Count>("count")});
}

DescriptorTallyObject::DescriptorTallyObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DescriptorTallyObject>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTallyTag);
}

std::shared_ptr<engine::DescriptorTally> DescriptorTallyObject::From(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTallyTag)) return nullptr;
  return Napi::ObjectWrap<DescriptorTallyObject>::Unwrap(value.As<Napi::Object>())->tally_;
}

Napi::Value DescriptorTallyObject::Count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(tally_->count()));
}

}  // namespace s2npkey::node
