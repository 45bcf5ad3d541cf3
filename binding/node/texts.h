// Arrays of strings as they cross Node-API.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

namespace s2npkey::node {

// Empty where `value` is no array.
inline std::vector<std::string> ReadTexts(const Napi::Value& value) {
  std::vector<std::string> texts;
  if (!value.IsArray()) return texts;
  const Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) texts.push_back(list.Get(i).ToString().Utf8Value());
  return texts;
}

}  // namespace s2npkey::node
