// TlsStream while it is open: plaintext to and from the pair, records to and from TCP.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "engine/tls_stream.h"
#include "tls/alert_description.h"

namespace s2npkey::engine {

namespace {

// Chunks moved for one connection before the others have their turn, if the time suffices for them.
constexpr int kChunksATurn = 4;

// An HTTP/2 RST_STREAM frame's length, type and flags (RFC 9113 section 6.4).
constexpr uint8_t kResetFrame[] = {0, 0, 4, 3, 0};
// Where such a frame is looked for: little may follow it, an acknowledgement or two.
constexpr size_t kResetFrameAtMost = 512;

// How many of the last bytes come from what looks like such a frame on.
size_t FromResetFrame(const uint8_t* data, size_t length) {
  const uint8_t* end = data + length;
  return static_cast<size_t>(end - std::search(end - std::min(length, kResetFrameAtMost), end,
                                               std::begin(kResetFrame), std::end(kResetFrame)));
}

}  // namespace

void TlsStream::DriveOpen() {
  may_receive_ = may_receive_ || tcp_side_.readable;
  last_active_ = context_.now;
  if (!idle_check_.pending())
    idle_check_.Set(context_.idle_checks, context_.now + context_.limits.idle, this);
  int chunks = 0;
  for (; chunks < kChunksATurn; chunks++) {
    const bool in = PumpIn();
    if (phase_ != Phase::kOpen) return;
    const bool out = PumpOut();
    if (phase_ != Phase::kOpen) return;
    if (!in && !out) break;
    if (context_.turn_clock.Over()) chunks = kChunksATurn;
  }
  if (chunks >= kChunksATurn) Schedule();
  FinishIfOver();
}

// Records to plaintext. True when it moved something and may have more.
bool TlsStream::PumpIn() {
  if (pair_side_.closed) to_pair_.Discard();  // nobody reads any more
  if (!to_pair_.empty()) {
    if (!pair_side_.writable) return false;
    if (WritePlaintext(nullptr) == OutputQueue::Result::kBlocked) return false;
  }
  if (inbound_failure_) {
    BreakOpen(*std::exchange(inbound_failure_, nullptr));
    return false;
  }
  if (inbound_over_) EndInbound();
  if (inbound_over_ || pair_side_.closed) {  // nobody wants what the peer sends
    const Discarded discarded = DiscardRecords();
    if (discarded == Discarded::kBroken && !fin_sent_)
      BreakOpen(tls::Failure::OfSystem(receive_error_, "read"));
    return discarded == Discarded::kMore;
  }
  if (!may_receive_) return false;

  tls::Plaintext& plaintext = context_.plaintext;
  plaintext.Clear();
  const size_t arrived = ReadRecords();
  context_.turn_clock.Moved(arrived);
  using Received = tls::Connection::Received;
  const Received received = connection_->Receive(Arrivals(), arrived, &plaintext);
  const bool moved = plaintext.size() > 0;
  if (moved) received_ = 0;
  may_receive_ = tcp_side_.readable;
  // Only records without plaintext: others first.
  if (received == Received::kMore && !moved && may_receive_) Schedule();
  if (client_) PostSessions();
  if (moved) WritePlaintext(&plaintext);
  // Receiving may have made s2n answer (a key update).
  if (!context_.records.empty() && FlushRecords() == OutputQueue::Result::kBroken) {
    BreakOpen(tls::Failure::OfSystem(errno, "write"));
    return false;
  }
  if (received == Received::kEnd) inbound_over_ = true;
  if (received == Received::kFailed) EndOfRecords();
  if (phase_ != Phase::kOpen) return false;
  if (inbound_over_) EndInbound();
  return moved;
}

// The records ended otherwise than by close_notify.
void TlsStream::EndOfRecords() {
  tls::Failure failure = connection_->failure();
  if (failure.kind == tls::FailureKind::kClosed) {
    inbound_over_ = true;
    return Post(Truncated{});
  }
  if (excessive_) {
    failure = tls::Failure::Of(tls::FailureKind::kProtocol,
                               "the peer sends records that hold no data, without end");
    failure.alert = tls::alert::kUnexpectedMessage;
  } else if (failure.kind == tls::FailureKind::kReset) {
    failure = tls::Failure::OfSystem(receive_error_, "read");
  }
  if (to_pair_.empty()) return BreakOpen(std::move(failure));
  may_receive_ = false;
  inbound_failure_ = std::make_unique<tls::Failure>(std::move(failure));
}

// Whether there is something to read in the pair, or its end.
bool TlsStream::JavaScriptWrites() {
  uint8_t byte = 0;
  return recv(pair_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

// Plaintext to records. True when it moved something and may have more.
bool TlsStream::PumpOut() {
  const auto broken = [this] {
    BreakOpen(tls::Failure::OfSystem(errno, "write"));
    return false;
  };
  if (inbound_failure_) {
    // It is broken already; whoever writes is told so now.
    pair_side_.readable = JavaScriptWrites();
    if (pair_side_.readable) BreakOpen(*std::exchange(inbound_failure_, nullptr));
    return false;
  }
  if (!to_tcp_.empty()) {
    if (!tcp_side_.writable && !tcp_side_.closed) return false;
    const OutputQueue::Result result = FlushRecords();
    if (result == OutputQueue::Result::kBroken) return broken();
    if (result == OutputQueue::Result::kBlocked) return false;
  }
  if (outbound_over_) {
    EndOutbound();
    return false;
  }
  if (!pair_side_.readable) return false;

  const ssize_t taken = read(pair_.get(), context_.written.data(), LoopContext::kWritten);
  context_.written_used =
      std::max(context_.written_used, static_cast<size_t>(std::max<ssize_t>(taken, 0)));
  if (taken < 0) {
    // JavaScript closed its end with bytes unread: told once as ECONNRESET, then the end.
    if (errno != ECONNRESET) pair_side_.readable = false;
    return errno == ECONNRESET;
  }
  if (taken == 0) {
    EndOfPlaintext();
    if (FlushRecords() == OutputQueue::Result::kBroken) return broken();
    EndOutbound();
    return false;
  }
  if (taken < static_cast<ssize_t>(LoopContext::kWritten) && !pair_side_.read_closed)
    pair_side_.readable = false;
  context_.turn_clock.Moved(static_cast<size_t>(taken));
  // Where tickets go first, everything is gathered behind them.
  memory::SecretBytes* memory = held_.empty() ? &context_.data_records : nullptr;
  const bool sent = SendPlaintext(context_.written.data(), static_cast<size_t>(taken), memory);
  CheckRecords();
  if (!sent) {
    BreakOpen(connection_->failure());
    return false;
  }
  if (send_error_ != 0) {
    BreakOpen(tls::Failure::OfSystem(send_error_, "write"));
    return false;
  }
  if (!context_.records.empty() && FlushRecords() == OutputQueue::Result::kBroken) return broken();
  return true;
}

// An HTTP/2 stream's reset goes in a record of its own, as with node:tls, where it is written once
// the write before it is done. curl 7.88 takes a complete response for a broken one if it reads the
// reset along with it.
bool TlsStream::SendPlaintext(const uint8_t* data, size_t length, memory::SecretBytes* memory) {
  const size_t apart = http2_ ? FromResetFrame(data, length) : 0;
  return connection_->Send(data, length - apart, memory) &&
         connection_->Send(data + length - apart, apart, memory);
}

// close_notify says that nothing is missing (RFC 8446 section 6.1), so it is sent only for an end
// in order.
void TlsStream::EndOfPlaintext() {
  outbound_over_ = true;
  if (sink_->EndedInOrder(id_)) connection_->SendCloseNotify();
}

// `more`: behind what waits; null: only that.
OutputQueue::Result TlsStream::WritePlaintext(tls::Plaintext* more) {
  const bool blocked = !to_pair_.empty();
  const OutputQueue::Result result =
      more ? to_pair_.WritePieces(pair_.get(), more->pieces().data(), more->pieces().size())
           : to_pair_.Flush(pair_.get());
  if (result == OutputQueue::Result::kBlocked) pair_side_.writable = false;
  if (blocked == to_pair_.empty()) context_.poller.TellWritable(pair_.get(), &pair_side_, !blocked);
  if (result == OutputQueue::Result::kBroken) {
    pair_side_.closed = true;  // JavaScript closed its end; the poller will say so, too
    to_pair_.Discard();
  }
  return result;
}

bool TlsStream::Deliver() {
  if (phase_ != Phase::kOpen) return true;
  if (!outbound_over_) pair_side_.readable = true;
  DriveOpen();
  return phase_ != Phase::kOpen || (to_tcp_.empty() && (!pair_side_.readable || outbound_over_));
}

void TlsStream::OnIdleCheck() {
  if (phase_ != Phase::kOpen) return;
  const bool idle = context_.now - last_active_ >= context_.limits.idle;
  if (idle) {
    connection_->ReleaseBuffers();
    context_.memory_given_back = true;
    if (!held_.empty() && FlushRecords() == OutputQueue::Result::kBroken)
      BreakOpen(tls::Failure::Of(tls::FailureKind::kReset, "the connection was reset by the peer"));
    return;  // armed again by the next traffic
  }
  idle_check_.Set(context_.idle_checks, last_active_ + context_.limits.idle, this);
}

}  // namespace s2npkey::engine
