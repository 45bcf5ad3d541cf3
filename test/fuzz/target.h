// What is fuzzed: FUZZ_TARGET(name) { … }. An expectation that fails (test.h) is a finding, as is a
// report of a sanitizer.
//
// In a build with S2N_PKEY_FUZZ each target is a program of its own over libFuzzer,
// build-fuzz/fuzz_NAME. In every build core_test runs each of them over its corpus,
// test/fuzz/corpus/NAME/.
#pragma once

#include <vector>

#include "input.h"
#include "test.h"

namespace s2npkey::fuzz {

struct Target {
  const char* name;
  void (*run)(Input input);
};

inline std::vector<Target>& Targets() {
  static std::vector<Target> targets;
  return targets;
}

struct Registration {
  Registration(const char* name, void (*run)(Input)) { Targets().push_back({name, run}); }
};

}  // namespace s2npkey::fuzz

#define FUZZ_TARGET(name)                                                  \
  static void name(::s2npkey::fuzz::Input input);                          \
  static const ::s2npkey::fuzz::Registration register_##name(#name, name); \
  static void name(::s2npkey::fuzz::Input input)
