// Open: the pump between TCP and the pair.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "engine/phase_open.h"
#include "tls/alert_description.h"

namespace s2npkey::engine {

namespace {

// Chunks moved for one connection before others have their turn, if there is time.
constexpr int kChunksATurn = 4;

// An HTTP/2 RST_STREAM frame's length, type and flags (RFC 9113 section 6.4).
constexpr uint8_t kResetFrame[] = {0, 0, 4, 3, 0};
// The last bytes that are searched for such a frame. At most a few small frames follow it.
constexpr size_t kResetFrameAtMost = 512;

// The number of bytes from the start of what looks like such a frame to the end.
size_t FromResetFrame(const uint8_t* data, size_t length) {
  const uint8_t* end = data + length;
  return static_cast<size_t>(end - std::search(end - std::min(length, kResetFrameAtMost), end,
                                               std::begin(kResetFrame), std::end(kResetFrame)));
}

}  // namespace

Next Open::Drive() {
  LoopContext& context = io_.context;
  may_receive_ = may_receive_ || io_.tcp_side.readable;
  last_active_ = context.now;
  if (!io_.idle_check.pending())
    io_.idle_check.Set(context.idle_checks, context.now + context.limits.idle, io_.stream);
  int chunks = 0;
  for (; chunks < kChunksATurn; chunks++) {
    bool moved = false;
    if (Next next = PumpIn(&moved)) return next;
    if (Next next = PumpOut(&moved)) return next;
    if (!moved) break;
    if (context.turn_clock.Over()) chunks = kChunksATurn;
  }
  if (chunks >= kChunksATurn) io_.Schedule();
  return FinishIfOver();
}

Next Open::PumpIn(bool* moved) {
  if (io_.pair_side.closed) to_pair_.Discard();  // JavaScript reads nothing more
  if (!to_pair_.empty()) {
    if (!io_.pair_side.writable) return kStay;
    if (WritePlaintext(nullptr) == OutputQueue::Result::kBlocked) return kStay;
  }
  if (in_ == Inbound::kFailing) return Break(std::move(*failure_));
  EndInbound();
  if (InboundOver() || io_.pair_side.closed) {  // further data of the peer is dropped
    const StreamIo::Discarded discarded = io_.Discard();
    if (discarded == StreamIo::Discarded::kBroken && out_ != Outbound::kEnded)
      return Break(tls::Failure::OfSystem(io_.receive_error(), "read"));
    *moved = *moved || discarded == StreamIo::Discarded::kMore;
    return kStay;
  }
  return may_receive_ ? Receive(moved) : kStay;
}

Next Open::Receive(bool* moved) {
  using Received = tls::Connection::Received;
  tls::Plaintext& plaintext = io_.context.plaintext;
  plaintext.Clear();
  const size_t arrived = io_.ReadRecords();
  io_.context.turn_clock.Moved(arrived);
  const Received received = connection_->Receive(io_.Arrivals(), arrived, &plaintext);
  const bool any = plaintext.size() > 0;
  if (any) io_.Progressed();
  may_receive_ = io_.tcp_side.readable;
  // Only records without plaintext, so other streams go first.
  if (received == Received::kMore && !any && may_receive_) io_.Schedule();
  if (io_.client) PostSessions();
  if (any) WritePlaintext(&plaintext);
  // s2n may have answered while it received, for example to a key update.
  if (!io_.context.records.empty()) {
    if (Next next = FlushOrBreak()) return next;
  }
  if (received == Received::kEnd) in_ = Inbound::kEnding;
  if (received == Received::kFailed) {
    if (Next next = EndOfRecords()) return next;
  }
  EndInbound();
  *moved = *moved || any;
  return kStay;
}

// The records ended without close_notify.
Next Open::EndOfRecords() {
  tls::Failure failure = connection_->failure();
  if (failure.kind == tls::FailureKind::kClosed) {
    in_ = Inbound::kEnding;
    io_.Post(Truncated{});
    return kStay;
  }
  if (io_.excessive()) {
    failure = tls::Failure::Of(tls::FailureKind::kProtocol,
                               "the peer sends records that hold no data, without end");
    failure.alert = tls::alert::kUnexpectedMessage;
  } else if (failure.kind == tls::FailureKind::kReset) {
    failure = tls::Failure::OfSystem(io_.receive_error(), "read");
  }
  if (to_pair_.empty()) return Break(std::move(failure));
  failure_ = std::make_unique<tls::Failure>(std::move(failure));
  in_ = Inbound::kFailing;
  return kStay;
}

void Open::PostSessions() {
  for (memory::SecretBytes& session : connection_->TakeSessions())
    io_.Post(SessionReceived{std::move(session)});
}

// Writes the waiting bytes to the pair, and then `more` unless it is null.
OutputQueue::Result Open::WritePlaintext(tls::Plaintext* more) {
  const int pair = io_.pair.get();
  const bool blocked = !to_pair_.empty();
  const OutputQueue::Result result =
      more ? to_pair_.WritePieces(pair, more->pieces().data(), more->pieces().size())
           : to_pair_.Flush(pair);
  if (result == OutputQueue::Result::kBlocked) io_.pair_side.writable = false;
  if (blocked == to_pair_.empty()) io_.context.poller.TellWritable(pair, &io_.pair_side, !blocked);
  if (result == OutputQueue::Result::kBroken) {
    io_.pair_side.closed = true;  // JavaScript closed its end; the poller will report it, too
    to_pair_.Discard();
  }
  return result;
}

// Whether the pair has data or its end to read.
bool Open::JavaScriptWrites() {
  uint8_t byte = 0;
  return recv(io_.pair.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

Next Open::PumpOut(bool* moved) {
  if (in_ == Inbound::kFailing) {
    // The connection is broken, and JavaScript gets the error when it writes.
    io_.pair_side.readable = JavaScriptWrites();
    return io_.pair_side.readable ? Break(std::move(*failure_)) : kStay;
  }
  if (!io_.to_tcp.empty()) {
    if (!io_.tcp_side.writable && !io_.tcp_side.closed) return kStay;
    const OutputQueue::Result result = Flush();
    if (result == OutputQueue::Result::kBroken)
      return Break(tls::Failure::OfSystem(errno, "write"));
    if (result == OutputQueue::Result::kBlocked) return kStay;
  }
  EndOutbound();
  if (OutboundOver() || !io_.pair_side.readable) return kStay;

  LoopContext& context = io_.context;
  const ssize_t taken = read(io_.pair.get(), context.written.data(), LoopContext::kWritten);
  context.written_used =
      std::max(context.written_used, static_cast<size_t>(std::max<ssize_t>(taken, 0)));
  if (taken < 0) {
    // JavaScript closed its end with bytes unread: reported once as ECONNRESET, then the end.
    const bool again = errno == ECONNRESET;
    if (!again) io_.pair_side.readable = false;
    *moved = *moved || again;
    return kStay;
  }
  if (taken == 0) return EndOfPlaintext();
  if (taken < static_cast<ssize_t>(LoopContext::kWritten) && !io_.pair_side.read_closed)
    io_.pair_side.readable = false;
  context.turn_clock.Moved(static_cast<size_t>(taken));
  *moved = true;
  return Send(static_cast<size_t>(taken));
}

// Sends the first `length` bytes that JavaScript wrote.
Next Open::Send(size_t length) {
  const bool encrypted = Encrypt(io_.context.written.data(), length);
  io_.CheckRecords();
  if (!encrypted) return Break(connection_->failure());
  if (io_.send_error() != 0) return Break(tls::Failure::OfSystem(io_.send_error(), "write"));
  return io_.context.records.empty() ? kStay : FlushOrBreak();
}

// An HTTP/2 stream's reset goes in a record of its own, as with node:tls, where it is written once
// the write before it is done. curl 7.88 takes a complete response for a broken one if it reads the
// reset along with it.
bool Open::Encrypt(const uint8_t* data, size_t length) {
  // Held records go first, so new ones are appended to them.
  memory::SecretBytes* memory = io_.holds() ? nullptr : &io_.context.data_records;
  const size_t apart = http2_ ? FromResetFrame(data, length) : 0;
  return connection_->Send(data, length - apart, memory) &&
         connection_->Send(data + length - apart, apart, memory);
}

// close_notify says that nothing is missing (RFC 8446 section 6.1), so it is sent only for an end
// in order.
Next Open::EndOfPlaintext() {
  const Ending ending = io_.sink->EndingOf(io_.id);
  if (ending == Ending::kReset) return io_.Reset();
  if (ending == Ending::kInOrder) connection_->SendCloseNotify();
  if (Next next = FlushOrBreak()) return next;
  out_ = Outbound::kEnding;
  EndOutbound();
  return kStay;
}

}  // namespace s2npkey::engine
