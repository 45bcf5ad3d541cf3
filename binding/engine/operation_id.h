// Identifiers that are never reused within the process.
#pragma once

#include <atomic>

#include "engine/events.h"

namespace s2npkey::engine {

// Any thread. Constant-initialised and trivially destructible, so it is safe while the process
// exits.
inline OperationId NextOperationId() {
  static std::atomic<OperationId> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

inline StreamId NextStreamId() {
  static std::atomic<StreamId> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace s2npkey::engine
