// An engine loop without a thread and with a clock of its own, so that an input does the same each
// time; and what must hold of the loop whatever was done to it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "configurations.h"
#include "engine/engine_loop.h"
#include "recording_sink.h"

namespace s2npkey::fuzz {

class SteppedEngine {
 public:
  SteppedEngine();
  SteppedEngine(const SteppedEngine&) = delete;
  SteppedEngine& operator=(const SteppedEngine&) = delete;

  // A connected pair, one end of which the engine adopts. The other is the client's.
  std::pair<engine::StreamId, engine::Descriptor> Adopt(
      ServerKind kind, const std::shared_ptr<RecordingSink>& sink,
      std::chrono::milliseconds handshake_timeout);

  void Advance(std::chrono::milliseconds time);
  // One turn, and the expectation that no sink was told what it should not be.
  bool Turn();
  // Turns until nothing happens any more. A loop that never comes to rest would take a processor
  // for itself.
  void Settle();
  // Lets hours pass, after the caller has closed the clients' and JavaScript's ends. Nothing may be
  // left of any stream: no state, no memory of s2n's, no descriptor, no sink held.
  void ExpectNothingLeft();

  engine::EngineLoop& loop() { return *loop_; }

 private:
  struct Adopted {
    engine::StreamId stream;
    std::shared_ptr<RecordingSink> sink;
  };
  void ExpectNoStream();

  size_t open_descriptors_;
  uint64_t most_allocations_;
  std::chrono::nanoseconds elapsed_{0};
  const engine::Clock::time_point started_ = engine::Clock::now();
  std::vector<Adopted> adopted_;
  std::unique_ptr<engine::EngineLoop> loop_;
};

}  // namespace s2npkey::fuzz
