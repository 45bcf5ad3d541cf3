#include "failing_allocator.h"

#include <cstdlib>
#include <new>

namespace {

struct State {
  bool active = false;
  bool failed = false;
  size_t succeed = 0;
  size_t fail = 0;
};
thread_local State state;

bool Fails() {
  if (!state.active) return false;
  if (state.succeed > 0) {
    state.succeed--;
    return false;
  }
  if (state.fail == 0) return false;
  state.fail--;
  state.failed = true;
  return true;
}

void* Allocate(size_t size) {
  void* memory = Fails() ? nullptr : std::malloc(size > 0 ? size : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace s2npkey::test {

FailingAllocations::FailingAllocations(size_t succeed, size_t fail) {
  state = {true, false, succeed, fail};
}
FailingAllocations::~FailingAllocations() { state.active = false; }
FailingAllocations::Suspended::Suspended() { state.active = false; }
FailingAllocations::Suspended::~Suspended() { state.active = true; }
bool FailingAllocations::Any() { return state.failed; }

}  // namespace s2npkey::test
