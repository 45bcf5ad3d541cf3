// TlsStream on its way out: the table in tls_stream.h.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "engine/tls_stream.h"

namespace keyless::engine {

namespace {

// How long what JavaScript left behind may take to move at all once nobody owns the connection any
// more.
constexpr std::chrono::seconds kDeliveryTimeout{30};
// How long to wait for the peer's FIN once everything was sent, before closing the descriptor.
constexpr std::chrono::seconds kLingerTimeout{2};

}  // namespace

void TlsStream::EndInbound() {
  if (inbound_shut_ || !to_pair_.empty()) return;
  inbound_shut_ = true;
  shutdown(pair_.get(), SHUT_WR);
}

void TlsStream::EndOutbound() {
  if (fin_sent_ || !to_tcp_.empty()) return;
  fin_sent_ = true;
  shutdown(tcp_.get(), SHUT_WR);
}

void TlsStream::FinishIfOver() {
  if (phase_ != Phase::kOpen) return;
  if (fin_sent_ && inbound_shut_) return Close();
  if (fin_sent_ && pair_side_.closed) return Linger();
  if (tcp_side_.closed && inbound_over_ && !fin_sent_) {
    return BreakOpen(
        tls::Failure::Of(tls::FailureKind::kReset, "the connection was reset by the peer"));
  }
  // Nobody owns it any more: what is left is delivered while the peer takes any of it.
  if (pair_side_.closed) deadline_.Set(context_.deadlines, context_.now + kDeliveryTimeout, this);
}

void TlsStream::BreakOpen(tls::Failure failure) {
  context_.records.clear();
  Event event;
  event.kind = Event::Kind::kError;
  event.failure = std::move(failure);
  Post(std::move(event));
  PostClosed();
  pair_.Close();  // after kError was posted: whoever sees the end of the pair finds the error first
  to_pair_.Discard();
  to_tcp_.Discard();
  if (connection_->FailureIsSecret()) return BeSilent(connection_->BlindingDelay());
  connection_->SendCloseNotify();
  FlushRecords();
  connection_.reset();
  to_tcp_.Discard();
  Close();
}

void TlsStream::BeSilent(uint64_t nanoseconds) {
  phase_ = Phase::kSilent;
  context_.poller.Remove(tcp_.get());
  // A millisecond more than s2n asks: its own clock must agree that the time is over.
  deadline_.Set(context_.deadlines,
                context_.now + std::chrono::nanoseconds(nanoseconds) + std::chrono::milliseconds(1),
                this);
}

void TlsStream::OnDeadline() {
  switch (phase_) {
    case Phase::kHandshake:
    case Phase::kAwaitingSignature:
      return FailHandshake(tls::Failure::Of(tls::FailureKind::kTimeout, "TLS handshake timeout"));
    case Phase::kSilent:
      if (connection_) {
        connection_->SendCloseNotify();
        FlushRecords();
      }
      return Close();
    case Phase::kOpen:  // only after JavaScript let go: the peer takes nothing
      return Reset();
    case Phase::kLingering:
    case Phase::kClosed:
      return Close();
  }
}

void TlsStream::Linger() {
  PostClosed();
  connection_.reset();
  pair_.Close();
  to_tcp_.Discard();
  if (inbound_over_ || tcp_side_.closed) return Close();
  shutdown(tcp_.get(), SHUT_WR);
  phase_ = Phase::kLingering;
  tcp_side_.readable = true;
  deadline_.Set(context_.deadlines, context_.now + kLingerTimeout, this);
  DriveLingering();
}

void TlsStream::DriveLingering() {
  for (int chunks = 0; chunks < 4; chunks++) {
    const ssize_t received =
        recv(tcp_.get(), context_.plaintext.data(), LoopContext::kChunk, MSG_DONTWAIT);
    if (received > 0) continue;
    if (received < 0 && errno == EAGAIN) return;
    return Close();
  }
  Schedule();
}

void TlsStream::Destroy() {
  if (phase_ != Phase::kHandshake && phase_ != Phase::kAwaitingSignature) return;
  FailHandshake(tls::Failure::Of(tls::FailureKind::kSignature, "the signer failed"));
}

void TlsStream::Abandon() {
  if (phase_ == Phase::kHandshake || phase_ == Phase::kAwaitingSignature) return Close();
  // An open stream goes on by itself: the environment closes its end of the pair, or has.
}

void TlsStream::Reset() {
  if (phase_ == Phase::kClosed) return;
  const linger abort{1, 0};
  setsockopt(tcp_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  Close();
}

void TlsStream::PostClosed() {
  if (closed_posted_) return;
  closed_posted_ = true;
  Event event;
  event.kind = Event::Kind::kClosed;
  Post(std::move(event));
}

void TlsStream::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  deadline_.Cancel();
  idle_check_.Cancel();
  PostClosed();
  connection_.reset();
  tcp_.Close();
  pair_.Close();
  context_.retired.push_back(id_);
}

}  // namespace keyless::engine
