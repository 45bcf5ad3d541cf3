// Open: how it starts and ends. tls_stream.h has the table.
#include "engine/phase_open.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/phase_departing.h"
#include "engine/phase_handshaking.h"
#include "tls/alert_description.h"

namespace s2npkey::engine {

Open::Open(StreamIo& io, ToOpen to) noexcept
    : io_(io),
      connection_(std::move(to.connection)),
      last_active_(io.context.now),
      out_(to.peer_waits ? Outbound::kAwaitsTaking : Outbound::kFlowing),
      http2_(to.http2) {}

Next Open::Begin() {
  if (out_ == Outbound::kAwaitsTaking) {
    if (io_.client || !io_.sink->TakesDescriptors()) {
      if (Next next = FlushOrBreak()) return next;
    } else {
      io_.SetDeadline(io_.context.now + io_.context.limits.taking);
    }
  }
  io_.Progressed();
  PostSessions();
  return Drive();  // the client's first request may be in s2n's buffer already
}

Next Open::Taken() { return out_ == Outbound::kAwaitsTaking ? FlushOrBreak() : kStay; }

Next Open::OnDeadline() {
  if (out_ == Outbound::kAwaitsTaking) {  // JavaScript is busy
    if (Next next = FlushOrBreak()) return next;
    return FinishIfOver();
  }
  // JavaScript closed its end, and the peer accepts nothing.
  return io_.Reset();
}

Next Open::OnIdleCheck() {
  if (io_.context.now - last_active_ < io_.context.limits.idle) {
    io_.idle_check.Set(io_.context.idle_checks, last_active_ + io_.context.limits.idle, io_.stream);
    return kStay;
  }
  connection_->ReleaseBuffers();
  io_.context.memory_given_back = true;
  if (io_.holds() && Flush() == OutputQueue::Result::kBroken)
    return Break(
        tls::Failure::Of(tls::FailureKind::kReset, "the connection was reset by the peer"));
  return kStay;  // the next traffic schedules it again
}

Next Open::OnOutOfMemory() {
  return Break(tls::Failure::Of(tls::FailureKind::kResources, "no memory is left"));
}

Next Open::Deliver() {
  if (!OutboundOver()) io_.pair_side.readable = true;
  return Drive();
}

bool Open::delivered() const noexcept {
  return io_.to_tcp.empty() && (!io_.pair_side.readable || OutboundOver());
}

// The other end of the pair is closed, unless JavaScript was terminated before it created a socket
// for it. Data that it wrote can still be read here.
void Open::Abandon() {
  shutdown(io_.pair.get(), SHUT_RDWR);
  io_.Schedule();
}

OutputQueue::Result Open::Flush() {
  if (out_ == Outbound::kAwaitsTaking) {
    out_ = Outbound::kFlowing;
    io_.deadline.Cancel();
  }
  return io_.Flush();
}

Next Open::FlushOrBreak() {
  if (Flush() == OutputQueue::Result::kBroken) return Break(tls::Failure::OfSystem(errno, "write"));
  return kStay;
}

void Open::EndInbound() {
  if (in_ != Inbound::kEnding || !to_pair_.empty()) return;
  in_ = Inbound::kEnded;
  shutdown(io_.pair.get(), SHUT_WR);
}

void Open::EndOutbound() {
  if (out_ != Outbound::kEnding || !io_.to_tcp.empty()) return;
  out_ = Outbound::kEnded;
  shutdown(io_.tcp.get(), SHUT_WR);
}

Next Open::FinishIfOver() {
  const bool let_go = io_.pair_side.closed;
  const bool fin_sent = out_ == Outbound::kEnded;
  if (fin_sent && (in_ == Inbound::kEnded || let_go)) {
    io_.PostClosed();
    return ToLinger{fin_sent};
  }
  if (io_.tcp_side.closed && InboundOver() && !fin_sent) {
    // This comes after its FIN, so no read would report it.
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(io_.tcp.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return Break(tls::Failure::OfSystem(error == 0 ? EPIPE : error, "write"));
  }
  // The rest is delivered as long as the peer accepts some of it.
  if (let_go && out_ != Outbound::kAwaitsTaking &&
      (!io_.deadline.pending() || io_.to_tcp.taken() != delivered_)) {
    const Limits& limits = io_.context.limits;
    if (!io_.deadline.pending()) let_go_ = io_.context.now;
    delivered_ = io_.to_tcp.taken();
    io_.SetDeadline(std::min(io_.context.now + limits.delivery, let_go_ + limits.delivery_total));
  }
  return kStay;
}

Next Open::Break(tls::Failure failure) {
  io_.context.records.clear();
  const bool dead = failure.kind == tls::FailureKind::kReset;
  const bool secret = !dead && connection_->FailureIsSecret();
  const bool fin_sent = out_ == Outbound::kEnded;
  // The same alert for all secret failures, so that it does not reveal which one happened.
  const int alert =
      secret ? tls::alert::kBadRecordMac : AlertFor(failure, tls::alert::kUnexpectedMessage);
  if (failure.kind != tls::FailureKind::kAlert) failure.alert = alert;
  io_.Post(Broken{std::move(failure), in_ == Inbound::kEnded});
  io_.told = StreamIo::Told::kBroken;
  io_.PostClosed();
  // Close the pair last: JavaScript must find the error before the end.
  io_.context.poller.Close(io_.pair);
  if (dead) return ToEnd{};
  if (secret) {
    const uint64_t delay = connection_->BlindingDelay();
    return ToSilence{std::move(connection_), delay, alert, fin_sent};
  }
  return SendLastAlert(io_, *connection_, alert, fin_sent);
}

}  // namespace s2npkey::engine
