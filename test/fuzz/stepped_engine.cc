#include "stepped_engine.h"

#include <dirent.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cstdlib>
#include <iostream>

#include "engine/operation_id.h"
#include "memory/arena.h"
#include "test.h"

namespace s2npkey::fuzz {

namespace {

// More than any input's bytes take, and few enough to be over in a second.
constexpr int kTurnsToRest = 20000;

// What AWS-LC makes once and keeps, for the process or beside a key: 51 allocations were seen. An
// input that leaves one behind is found after as many of its kind.
constexpr uint64_t kKeptForGood = 128;

size_t CountOpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (!folder) std::abort();
  size_t count = 0;
  while (readdir(folder)) count++;
  closedir(folder);
  return count;
}

}  // namespace

SteppedEngine::SteppedEngine() {
  SetTimeOfS2n(elapsed_);
  ServerOf(ServerKind::kKeyless);  // made before what is there is counted
  ClientConfigOf(ClientKind::kDefault);
  ERR_clear_error();  // AWS-LC keeps a thread's errors, and what they say, until then
  open_descriptors_ = CountOpenDescriptors();
  static const uint64_t at_first = memory::Arena::Process().Statistics().allocations;
  most_allocations_ = at_first + kKeptForGood;
  loop_ = std::make_unique<engine::EngineLoop>(engine::EngineLoop::Stepped{});
}

std::pair<engine::StreamId, engine::Descriptor> SteppedEngine::Adopt(
    ServerKind kind, const std::shared_ptr<RecordingSink>& sink,
    std::chrono::milliseconds handshake_timeout) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  const engine::StreamId stream = engine::NextStreamId();
  loop_->Adopt(stream, engine::Descriptor(ends[0]), ServerOf(kind).contexts, sink,
               handshake_timeout);
  adopted_.push_back({stream, sink});
  return {stream, engine::Descriptor(ends[1])};
}

void SteppedEngine::Advance(std::chrono::milliseconds time) {
  elapsed_ += time;
  SetTimeOfS2n(elapsed_);
}

bool SteppedEngine::Turn() {
  const bool more = loop_->Turn(started_ + elapsed_);
  for (const Adopted& adopted : adopted_) {
    EXPECT_EQ(adopted.sink->broken(), std::string());
    EXPECT(more || !adopted.sink->unread());
  }
  return more;
}

void SteppedEngine::Settle() {
  // A turn may change what the poller will tell of, so only two quiet ones are rest.
  int quiet = 0;
  for (int turns = 0; quiet < 2; turns++) {
    EXPECT(turns < kTurnsToRest);
    quiet = Turn() ? 0 : quiet + 1;
  }
}

void SteppedEngine::ExpectNothingLeft() {
  for (int hours = 0; hours < 3; hours++) {
    Settle();
    Advance(std::chrono::hours(1));
  }
  Settle();
  ExpectNoStream();
  for (const Adopted& adopted : adopted_) {
    EXPECT(adopted.sink->Of(adopted.stream).ended);
    adopted.sink->Of(adopted.stream).javascript.Close();
  }
  loop_.reset();
  ERR_clear_error();
  EXPECT(memory::Arena::Process().Statistics().allocations <= most_allocations_);
  EXPECT_EQ(CountOpenDescriptors(), open_descriptors_);
}

void SteppedEngine::ExpectNoStream() {
  auto counting = loop_->Statistics();
  Turn();
  const engine::LoopStatistics left = counting.get();
  EXPECT_EQ(left.handshaking + left.awaiting_signature + left.open + left.silent + left.lingering,
            0U);
  EXPECT_EQ(left.descriptors, 0U);
}

}  // namespace s2npkey::fuzz
