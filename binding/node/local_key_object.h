// `new LocalKey(pem, passphrase?)`: see NativeLocalKey in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "tls/local_key.h"

namespace s2npkey::node {

class LocalKeyObject final : public Napi::ObjectWrap<LocalKeyObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit LocalKeyObject(const Napi::CallbackInfo& info);

  // Null when `value` is no LocalKey of this addon.
  static std::shared_ptr<const tls::LocalKey> From(const Napi::Value& value);

 private:
  Napi::Value PublicKey(const Napi::CallbackInfo& info);
  Napi::Value Sign(const Napi::CallbackInfo& info);
  Napi::Value Verify(const Napi::CallbackInfo& info);
  Napi::Value Wrap(const Napi::CallbackInfo& info);

  std::shared_ptr<const tls::LocalKey> key_;
};

}  // namespace s2npkey::node
