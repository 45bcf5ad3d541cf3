#pragma once

#include <napi.h>

namespace s2npkey::node {

// `socketPair()`: two ends of a stream of bytes, for what has no descriptor of its own. See `Addon`
// in lib/native/binding.ts.
Napi::Value SocketPair(const Napi::CallbackInfo& info);

}  // namespace s2npkey::node
