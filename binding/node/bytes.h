// Bytes as they cross Node-API.
#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

namespace s2npkey::node {

// A copy of what a Uint8Array (or Buffer) holds.
inline std::vector<uint8_t> BytesOf(const Napi::Value& value) {
  const Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
  return std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.ByteLength());
}

}  // namespace s2npkey::node
