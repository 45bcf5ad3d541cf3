#include "engine/phase_departing.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "engine/tls_stream.h"

namespace s2npkey::engine {

Next SendLastAlert(StreamIo& io, tls::Connection& connection, int alert, bool fin_sent) {
  if (alert >= 0) connection.SendAlert(static_cast<uint8_t>(alert));
  if (io.Flush() == OutputQueue::Result::kBroken) return ToEnd{};
  return ToLinger{fin_sent};
}

Silent::Silent(StreamIo& io, ToSilence to) noexcept
    : io_(io), given_(std::move(to)), silence_(io.stream) {}

Next Silent::Begin() {
  LoopContext& context = io_.context;
  context.poller.TellOnlyFailure(io_.tcp.get(), &io_.tcp_side);
  // One millisecond longer than s2n requires, because its own clock must agree that the time is
  // over.
  io_.SetDeadline(context.now + std::chrono::nanoseconds(given_.nanoseconds) +
                  std::chrono::milliseconds(1));
  context.silent.Push(silence_);
  if (context.silent.size() > context.limits.silent) context.silent.Pop()->EndSilenceEarly();
  return kStay;
}

// After RST, no peer is left that could measure the delay.
Next Silent::Drive() { return io_.tcp_side.closed ? Next(ToEnd{}) : kStay; }

void Silent::EndEarly() {
  const auto tick = std::chrono::duration_cast<Clock::duration>(io_.context.limits.silent_tick);
  const auto into = io_.context.now.time_since_epoch() % tick;
  io_.SetDeadline(io_.context.now + tick - into);
}

Next Silent::OnDeadline() {
  silence_.Leave();
  if (!given_.connection) return ToEnd{};
  io_.context.poller.TellWritable(io_.tcp.get(), &io_.tcp_side, true);
  return SendLastAlert(io_, *given_.connection, given_.last_alert, given_.fin_sent);
}

Lingering::Lingering(StreamIo& io, ToLinger to) noexcept
    : io_(io), since_(io.context.now), fin_sent_(to.fin_sent) {}

Next Lingering::Begin() {
  io_.context.poller.Close(io_.pair);
  unacknowledged_ = Unacknowledged();
  io_.SetDeadline(io_.context.now + io_.context.limits.linger);
  return Drive();
}

Next Lingering::Drive() {
  if (!io_.to_tcp.empty() && io_.Flush() == OutputQueue::Result::kBroken) return ToEnd{};
  if (!fin_sent_ && io_.to_tcp.empty()) {
    fin_sent_ = true;
    shutdown(io_.tcp.get(), SHUT_WR);
  }
  for (int chunks = 0; chunks < 4; chunks++) {
    const StreamIo::Discarded discarded = io_.Discard();
    if (discarded == StreamIo::Discarded::kMore) continue;
    if (discarded == StreamIo::Discarded::kAll) return kStay;
    if (discarded == StreamIo::Discarded::kEnd && !fin_sent_) return kStay;  // it may still receive
    return ToEnd{};
  }
  io_.Schedule();
  return kStay;
}

Next Lingering::OnDeadline() {
  const size_t left = Unacknowledged();
  if (left >= unacknowledged_ || io_.context.now - since_ >= io_.context.limits.linger_total)
    return ToEnd{};
  unacknowledged_ = left;
  io_.SetDeadline(io_.context.now + io_.context.limits.linger);
  return kStay;
}

// Bytes that are not sent, or not acknowledged by the peer's kernel.
size_t Lingering::Unacknowledged() const {
  int bytes = 0;
  return io_.to_tcp.size() +
         (ioctl(io_.tcp.get(), SIOCOUTQ, &bytes) == 0 ? static_cast<size_t>(bytes) : 0);
}

Ended::Ended(StreamIo& io, ToEnd to) noexcept
    : io_(io), endpoints_(std::move(to.endpoints)), line_(io.stream) {}

Next Ended::Begin() noexcept {
  io_.context.poller.Close(io_.tcp);
  io_.place.Leave();
  if (io_.told == StreamIo::Told::kEnd) {
    Retire();
    return kStay;
  }
  // The pair ends later as well: JavaScript must find the error before the end.
  if (io_.pair) io_.context.poller.Remove(io_.pair.get());
  io_.context.speechless.Push(line_);
  return kStay;
}

void Ended::TellEnd() {
  tls::Failure failure = tls::Failure::Of(tls::FailureKind::kResources, "no memory is left");
  switch (io_.told) {
    case StreamIo::Told::kNothing: {
      HandshakeFailed failed;
      failed.failure = std::move(failure);
      failed.endpoints = endpoints_;
      io_.Post(std::move(failed));
      io_.told = StreamIo::Told::kEnd;
      break;
    }
    case StreamIo::Told::kSecure:
      io_.Post(Broken{std::move(failure), false});
      io_.told = StreamIo::Told::kBroken;
      break;
    case StreamIo::Told::kBroken:
    case StreamIo::Told::kEnd:
      break;
  }
  io_.PostClosed();
  Retire();
}

void Ended::Retire() noexcept {
  io_.context.poller.Close(io_.pair);
  io_.context.retired.Push(line_);
}

}  // namespace s2npkey::engine
