// Commands of an environment, as binding/node gives them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"

namespace s2npkey::test {

inline void CompleteSignature(engine::EngineLoop& loop, engine::StreamId stream,
                              engine::OperationId operation, std::vector<uint8_t> signature) {
  loop.Tell(stream, [operation, signature = std::move(signature)](engine::TlsStream& told) {
    told.CompleteSignature(operation, signature);
  });
}

}  // namespace s2npkey::test
