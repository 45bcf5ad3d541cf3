#pragma once

#include <napi.h>

namespace s2npkey::node {

// `socketPair()`: two ends of a stream of bytes, for what has no descriptor of its own. See `Addon`
// in lib/native/binding.ts.
Napi::Value SocketPair(const Napi::CallbackInfo& info);

// `isReadable(fd)`: whether a read would give something now: bytes, the end, or an error.
Napi::Value IsReadable(const Napi::CallbackInfo& info);

// `endWriting(fd)`: the other end reads the end after what was written before.
Napi::Value EndWriting(const Napi::CallbackInfo& info);

}  // namespace s2npkey::node
