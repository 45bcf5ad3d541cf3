// `new LocalKey(pem, passphrase?)`: see NativeLocalKey in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include "node/shared_object.h"
#include "tls/local_key.h"

namespace s2npkey::node {

class LocalKeyObject final : public SharedObject<LocalKeyObject, const tls::LocalKey> {
 public:
  static constexpr const char* kName = "LocalKey";
  static constexpr napi_type_tag kTag = {0x2d7b14f0c3a98e65, 0x81f0d5b26c47a93e};

  static Napi::Function Define(Napi::Env env);
  explicit LocalKeyObject(const Napi::CallbackInfo& info);

 private:
  static Napi::Value GenerateMlDsa(const Napi::CallbackInfo& info);
  Napi::Value PublicKey(const Napi::CallbackInfo& info);
  Napi::Value Sign(const Napi::CallbackInfo& info);
  Napi::Value Verify(const Napi::CallbackInfo& info);
  Napi::Value Wrap(const Napi::CallbackInfo& info);
};

}  // namespace s2npkey::node
