// The base of the addon's classes that hold one native object for others to share: its type tag,
// its errors, and the way from a JavaScript value to the native object.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "node/errors.h"
#include "tls/error.h"

namespace s2npkey::node {

// `Derived` has `kName`, its name in JavaScript, and `kTag`, a type tag of its own: Unwrap casts
// without a check, so an object of another class must not reach it.
template <typename Derived, typename Native>
class SharedObject : public Napi::ObjectWrap<Derived> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return Napi::ObjectWrap<Derived>::DefineClass(env, Derived::kName, {});
  }

  // Null if `value` is not an object of this class, created by this addon.
  static std::shared_ptr<Native> From(const Napi::Value& value) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&Derived::kTag)) return nullptr;
    return Napi::ObjectWrap<Derived>::Unwrap(value.As<Napi::Object>())->native_;
  }

 protected:
  explicit SharedObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Derived>(info) {}

  // Holds what `create` returns. Call it once, in the constructor of `Derived`.
  template <typename Create>
  void Hold(const Napi::CallbackInfo& info, Create create) {
    try {
      native_ = create();
    } catch (const tls::Error& error) {
      throw ToNapiError(info.Env(), error);
    }
    info.This().template As<Napi::Object>().TypeTag(&Derived::kTag);
  }

  const std::shared_ptr<Native>& held() const noexcept { return native_; }
  // From now on `From` returns null.
  void LetGo() noexcept { native_.reset(); }

 private:
  std::shared_ptr<Native> native_;
};

}  // namespace s2npkey::node
