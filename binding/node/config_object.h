// `new Config({ identities, securityPolicy, minVersion, maxVersion, alpnProtocols })`: see
// NativeConfig in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "tls/config.h"

namespace s2npkey::node {

class ConfigObject final : public Napi::ObjectWrap<ConfigObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit ConfigObject(const Napi::CallbackInfo& info);

  // Null when `value` is no Config of this addon.
  static std::shared_ptr<const tls::Config> From(const Napi::Value& value);

 private:
  Napi::Value MinVersion(const Napi::CallbackInfo& info);
  Napi::Value MaxVersion(const Napi::CallbackInfo& info);
  // Gives up the configuration now, and not when the garbage collector runs: its ticket keys are
  // wiped once no connection has it.
  void Release(const Napi::CallbackInfo& info);

  std::shared_ptr<const tls::Config> config_;  // null once released
  uint8_t lowest_ = 0;
  uint8_t highest_ = 0;
};

}  // namespace s2npkey::node
