// From the core's errors to JavaScript's: no C++ exception crosses Node-API.
#pragma once

#include <napi.h>

#include "tls/error.h"

namespace s2npkey::node {

inline Napi::Error ToNapiError(Napi::Env env, const tls::Error& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", Napi::String::New(env, error.code()));
  return result;
}

}  // namespace s2npkey::node
