// A registry of tests for the one C++ program: `core_test [part of a name]`.
#pragma once

#include <iostream>
#include <string>
#include <vector>

namespace s2npkey::test {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

// Thrown by the first expectation that fails: the rest of its test would only fail after it.
struct ExpectationFailed {};

struct Registration {
  Registration(const char* name, void (*run)()) { Tests().push_back({name, run}); }
};

inline void Fail(const char* file, int line, const std::string& what) {
  std::cerr << file << ":" << line << ": " << what << std::endl;
  throw ExpectationFailed();
}

template <typename A, typename B>
void ExpectEqual(const A& actual, const B& expected, const char* file, int line, const char* text) {
  if (actual == expected) return;
  std::cerr << file << ":" << line << ": " << text << ": " << actual << " is not " << expected
            << std::endl;
  throw ExpectationFailed();
}

}  // namespace s2npkey::test

#define TEST(name)                                                         \
  static void name();                                                      \
  static const ::s2npkey::test::Registration register_##name(#name, name); \
  static void name()

#define EXPECT(condition) \
  ((condition) ? void() : ::s2npkey::test::Fail(__FILE__, __LINE__, #condition))

#define EXPECT_EQ(actual, expected) \
  ::s2npkey::test::ExpectEqual((actual), (expected), __FILE__, __LINE__, #actual)
