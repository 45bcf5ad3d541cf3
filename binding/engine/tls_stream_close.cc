// TlsStream on its way out: the table in tls_stream.h.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "engine/tls_stream.h"
#include "tls/alert_description.h"

namespace s2npkey::engine {

// Reads what nobody wants, a chunk of it, so that the peer can go on and its end is seen.
TlsStream::Discarded TlsStream::DiscardRecords() {
  if (fin_received_) return Discarded::kEnd;
  if (!tcp_side_.readable) return Discarded::kAll;
  const ssize_t received = read(tcp_.get(), context_.received.data(), LoopContext::kChunk);
  if (received > 0) return Discarded::kMore;
  if (received == 0) {
    fin_received_ = true;
    return Discarded::kEnd;
  }
  if (errno == EAGAIN) {
    tcp_side_.readable = false;
    return Discarded::kAll;
  }
  receive_error_ = errno;
  tcp_side_.readable = false;
  return Discarded::kBroken;
}

void TlsStream::EndInbound() {
  if (inbound_shut_ || !to_pair_.empty()) return;
  inbound_shut_ = true;
  shutdown(pair_.get(), SHUT_WR);
}

void TlsStream::EndOutbound() {
  if (awaits_taking_) FlushRecords();
  if (fin_sent_ || !to_tcp_.empty()) return;
  fin_sent_ = true;
  shutdown(tcp_.get(), SHUT_WR);
}

void TlsStream::FinishIfOver() {
  if (phase_ != Phase::kOpen) return;
  if (fin_sent_ && (inbound_shut_ || pair_side_.closed)) return Linger();
  if (tcp_side_.closed && inbound_over_ && !fin_sent_) {
    // After its FIN, so there is nothing to read that would tell.
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(tcp_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return BreakOpen(tls::Failure::OfSystem(error == 0 ? EPIPE : error, "write"));
  }
  // Nobody owns it any more: what is left is delivered while the peer takes any of it.
  if (pair_side_.closed && (!deadline_.pending() || to_tcp_.taken() != delivered_)) {
    if (!deadline_.pending()) let_go_ = context_.now;
    delivered_ = to_tcp_.taken();
    deadline_.Set(
        context_.deadlines,
        std::min(context_.now + context_.limits.delivery, let_go_ + context_.limits.delivery_total),
        this);
  }
}

void TlsStream::BreakOpen(tls::Failure failure) {
  context_.records.clear();
  const bool dead = failure.kind == tls::FailureKind::kReset;
  const bool secret = !dead && connection_->FailureIsSecret();
  // One for all that is secret, so that it does not say which it was.
  last_alert_ = secret ? tls::alert::kBadRecordMac : AlertFor(failure);
  if (failure.kind != tls::FailureKind::kAlert) failure.alert = last_alert_;
  Post(Broken{std::move(failure), inbound_shut_});
  error_posted_ = true;
  PostClosed();
  // After kError was posted: whoever sees the end of the pair finds the error first.
  context_.poller.Close(pair_);
  to_pair_.Discard();
  if (dead) return Close();
  if (secret) return BeSilent(connection_->BlindingDelay());
  SendLastAlert();
}

// Behind what was written. Never close_notify (as s2n would send it): the peer would take what it
// has for all there was. After this side's own close_notify no alert can follow, and none is
// needed.
void TlsStream::SendLastAlert() {
  if (last_alert_ >= 0) connection_->SendAlert(static_cast<uint8_t>(last_alert_));
  if (FlushRecords() == OutputQueue::Result::kBroken) return Close();
  Linger();
}

void TlsStream::BeSilent(uint64_t nanoseconds) {
  phase_ = Phase::kSilent;
  context_.poller.TellOnlyFailure(tcp_.get(), &tcp_side_);
  // A millisecond more than s2n asks: its own clock must agree that the time is over.
  deadline_.Set(context_.deadlines,
                context_.now + std::chrono::nanoseconds(nanoseconds) + std::chrono::milliseconds(1),
                this);
  context_.silent.Push(silence_);
  if (context_.silent.size() > context_.limits.silent) context_.silent.Pop()->EndSilenceEarly();
}

void TlsStream::EndSilenceEarly() {
  const auto tick = std::chrono::duration_cast<Clock::duration>(context_.limits.silent_tick);
  const auto into = context_.now.time_since_epoch() % tick;
  deadline_.Set(context_.deadlines, context_.now + tick - into, this);
}

void TlsStream::OnDeadline() {
  switch (phase_) {
    case Phase::kHandshake:
    case Phase::kAwaitingContext:
    case Phase::kAwaitingSignature:
    case Phase::kAwaitingVerdict:
      return FailHandshake(tls::Failure::Of(tls::FailureKind::kTimeout, "TLS handshake timeout"));
    case Phase::kSilent:
      silence_.Leave();
      if (!connection_) return Close();
      context_.poller.TellWritable(tcp_.get(), &tcp_side_, true);
      return SendLastAlert();
    case Phase::kOpen:
      if (awaits_taking_) {  // JavaScript is busy
        FlushHeld();
        return;
      }
      return Reset();  // JavaScript let go, and the peer takes nothing
    case Phase::kLingering:
      if (const size_t left = Unacknowledged();
          left < unacknowledged_ && context_.now - let_go_ < context_.limits.linger_total) {
        unacknowledged_ = left;
        deadline_.Set(context_.deadlines, context_.now + context_.limits.linger, this);
        return;
      }
      return Close();
    case Phase::kClosed:
      return;
  }
}

void TlsStream::OnOutOfMemory() noexcept {
  // Records that were made cannot be told from those that were not, and belong to nobody else.
  records_lost_ = records_lost_ || !context_.records.empty();
  context_.records.clear();
  try {
    EndForWantOfMemory();
  } catch (const std::bad_alloc&) {
    GiveUp();
  }
}

void TlsStream::EndForWantOfMemory() {
  if (closed_posted_ || error_posted_) return GiveUp();  // it was told of an end already
  const char* what = "no memory is left";
  switch (phase_) {
    case Phase::kHandshake:
    case Phase::kAwaitingContext:
    case Phase::kAwaitingSignature:
    case Phase::kAwaitingVerdict:
      return FailHandshake(tls::Failure::Of(tls::FailureKind::kResources, what));
    case Phase::kOpen:
      return BreakOpen(tls::Failure::Of(tls::FailureKind::kResources, what));
    case Phase::kSilent:
    case Phase::kLingering:
    case Phase::kClosed:
      return GiveUp();
  }
}

void TlsStream::Linger() {
  PostClosed();
  connection_.reset();
  context_.poller.Close(pair_);
  phase_ = Phase::kLingering;
  let_go_ = context_.now;
  unacknowledged_ = Unacknowledged();
  deadline_.Set(context_.deadlines, context_.now + context_.limits.linger, this);
  DriveLingering();
}

void TlsStream::DriveLingering() {
  if (!to_tcp_.empty() && FlushRecords() == OutputQueue::Result::kBroken) return Close();
  EndOutbound();
  for (int chunks = 0; chunks < 4; chunks++) {
    const Discarded discarded = DiscardRecords();
    if (discarded == Discarded::kMore) continue;
    if (discarded == Discarded::kAll) return;
    if (discarded == Discarded::kEnd && !fin_sent_) return;  // it may go on receiving
    return Close();
  }
  Schedule();
}

// Bytes to send, and those sent that the peer's kernel has not acknowledged yet.
size_t TlsStream::Unacknowledged() const {
  int bytes = 0;
  return to_tcp_.size() +
         (ioctl(tcp_.get(), SIOCOUTQ, &bytes) == 0 ? static_cast<size_t>(bytes) : 0);
}

void TlsStream::Destroy(int alert) {
  if (!InHandshake()) return;
  tls::Failure failure =
      tls::Failure::Of(alert < 0 ? tls::FailureKind::kClosed : tls::FailureKind::kProtocol,
                       "the application ended the handshake");
  failure.name = "APPLICATION";
  failure.alert = alert;
  FailHandshake(std::move(failure));
}

void TlsStream::Abandon() {
  if (InHandshake()) return Close();
  if (phase_ != Phase::kOpen) return;
  // The other end of the pair is closed, unless JavaScript was terminated on its way to making a
  // socket of it. What was written can still be read here.
  shutdown(pair_.get(), SHUT_RDWR);
  Schedule();
}

void TlsStream::Reset() {
  if (phase_ == Phase::kClosed) return;
  const linger abort{1, 0};
  setsockopt(tcp_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  Close();
}

void TlsStream::PostClosed() {
  if (closed_posted_) return;
  Post(Closed{});
  closed_posted_ = true;
}

// Without any memory: all but to tell JavaScript of it, which then waits until there is some. The
// end of the pair waits, too: whoever sees it finds the error first.
void TlsStream::GiveUp() noexcept {
  LetGo();
  if (pair_) context_.poller.Remove(pair_.get());
  context_.speechless.Push(ended_);
}

void TlsStream::LetGo() noexcept {
  phase_ = Phase::kClosed;
  deadline_.Cancel();
  idle_check_.Cancel();
  silence_.Leave();
  connection_.reset();
  context_.poller.Close(tcp_);
  place_.Leave();
}

void TlsStream::TellEnd() {
  if (!closed_posted_ && !error_posted_) {
    tls::Failure failure = tls::Failure::Of(tls::FailureKind::kResources, "no memory is left");
    if (secure_posted_) {
      Post(Broken{std::move(failure), false});
    } else {
      HandshakeFailed failed;
      failed.failure = std::move(failure);
      failed.endpoints = endpoints_;
      Post(std::move(failed));
    }
    (secure_posted_ ? error_posted_ : closed_posted_) = true;
  }
  PostClosed();
  context_.poller.Close(pair_);
  context_.retired.Push(ended_);
}

void TlsStream::Close() {
  if (phase_ == Phase::kClosed) return;
  PostClosed();
  LetGo();
  context_.poller.Close(pair_);
  context_.retired.Push(ended_);
}

}  // namespace s2npkey::engine
