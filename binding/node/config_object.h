// `new Config({ identities, securityPolicy, minVersion, maxVersion, alpnProtocols })`: see
// NativeConfig in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include "node/shared_object.h"
#include "tls/config.h"

namespace s2npkey::node {

class ConfigObject final : public SharedObject<ConfigObject, const tls::Config> {
 public:
  static constexpr const char* kName = "Config";
  static constexpr napi_type_tag kTag = {0x6f1c2a9e5d3b4c70, 0x9b8a7e6d5c4f3a21};

  static Napi::Function Define(Napi::Env env);
  explicit ConfigObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value MinVersion(const Napi::CallbackInfo& info);
  Napi::Value MaxVersion(const Napi::CallbackInfo& info);
  // Gives up the configuration now, and not when the garbage collector runs: its ticket keys are
  // wiped once no connection has it.
  void Release(const Napi::CallbackInfo& info);

  uint8_t lowest_ = 0;
  uint8_t highest_ = 0;
};

}  // namespace s2npkey::node
