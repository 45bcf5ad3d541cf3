// TlsStream until its handshake is done or has failed.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/operation_id.h"
#include "engine/tls_stream.h"
#include "tls/alert_description.h"

namespace keyless::engine {

namespace {

constexpr uint8_t kHandshakeRecord = 22;  // RFC 8446 section 5.1

constexpr char kPlaintextAnswer[] =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: "
    "57\r\n\r\n"
    "This port speaks HTTPS: the request was sent without TLS\n";

bool LooksLikeHttp(const uint8_t* bytes, ssize_t length) {
  for (const char* method :
       {"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "PRI "}) {
    const size_t size = std::strlen(method);
    if (length >= static_cast<ssize_t>(size) && std::memcmp(bytes, method, size) == 0) return true;
  }
  return false;
}

tls::FailureKind KindOfSocketError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? tls::FailureKind::kClosed : tls::FailureKind::kReset;
}

constexpr char kGone[] = "the peer disconnected before the TLS handshake was done";

}  // namespace

ssize_t TlsStream::ReceiveRecords(uint8_t* buffer, uint32_t length) {
  if (!tcp_side_.readable) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t received = read(tcp_.get(), buffer, length);
  if (received < 0) {
    receive_error_ = errno;
    if (errno == EAGAIN) tcp_side_.readable = false;
    return -1;
  }
  if (received == 0) fin_received_ = true;
  // A short read means that the descriptor is empty, unless its end is near: that edge was already
  // told.
  if (received < static_cast<ssize_t>(length) && !tcp_side_.read_closed) tcp_side_.readable = false;
  if (!first_byte_seen_ && received > 0) {
    first_byte_seen_ = true;
    if (buffer[0] != kHandshakeRecord && !(buffer[0] & 0x80)) {
      // No TLS at all, so no secret is in play: s2n is not even shown it, and the answer need not
      // wait.
      not_tls_ = true;
      http_ = LooksLikeHttp(buffer, received);
      errno = EIO;
      return -1;
    }
  }
  return received;
}

void TlsStream::SendRecords(const uint8_t* data, uint32_t length) {
  context_.records.insert(context_.records.end(), data, data + length);
}

void TlsStream::DriveHandshake() {
  if (phase_ == Phase::kAwaitingSignature) {
    // s2n does not read while it waits, so a peer that hangs up is noticed here.
    if (tcp_side_.closed)
      return FailHandshake(tls::Failure::Of(KindOfSocketError(tcp_.get()), kGone));
    if (tcp_side_.read_closed)
      return FailHandshake(tls::Failure::Of(tls::FailureKind::kClosed, kGone));
  }
  if (!to_tcp_.empty() && tcp_side_.writable && FlushRecords() == OutputQueue::Result::kBroken) {
    return FailHandshake(tls::Failure::Of(tls::FailureKind::kReset, kGone));
  }
  if (phase_ == Phase::kAwaitingSignature) return;

  const tls::Connection::Progress progress = connection_->Negotiate();
  if (progress == tls::Connection::Progress::kFailed) {
    tls::Failure failure = connection_->failure();
    if (not_tls_)
      failure = tls::Failure::Of(tls::FailureKind::kNotTls, "the peer did not speak TLS");
    if (failure.kind == tls::FailureKind::kClosed) failure.message = kGone;
    return FailHandshake(std::move(failure));
  }
  if (!hello_checked_ && first_byte_seen_ && connection_->HasNoCommonProtocol()) {
    tls::Failure failure =
        tls::Failure::Of(tls::FailureKind::kProtocol,
                         "the client's ALPN protocols and the server's have none in common");
    failure.name = "NO_APPLICATION_PROTOCOL";
    failure.alert = tls::alert::kNoApplicationProtocol;
    return FailHandshake(std::move(failure));
  }
  hello_checked_ = hello_checked_ || !context_.records.empty();
  if (progress == tls::Connection::Progress::kDone && connection_->RecordsMayWait()) HoldTickets();
  if (!context_.records.empty() && FlushRecords() == OutputQueue::Result::kBroken) {
    return FailHandshake(tls::Failure::Of(tls::FailureKind::kReset, kGone));
  }
  if (progress == tls::Connection::Progress::kDone) return FinishHandshake();
  if (progress == tls::Connection::Progress::kNeedsSignature) {
    phase_ = Phase::kAwaitingSignature;
    awaited_operation_ = NextOperationId();
    timing_.signature_asked = SinceStart();
    Event event;
    event.kind = Event::Kind::kSign;
    event.operation = awaited_operation_;
    event.scheme = connection_->operation()->scheme();
    event.input = connection_->operation()->input();
    event.context = connection_->context();
    event.identity = connection_->identity();
    Post(std::move(event));
  }
}

void TlsStream::CompleteSignature(OperationId operation, const std::vector<uint8_t>& signature) {
  if (phase_ != Phase::kAwaitingSignature || operation != awaited_operation_) return;
  awaited_operation_ = 0;
  if (!connection_->CompleteOperation(signature.data(), signature.size())) {
    return FailHandshake(connection_->failure());
  }
  timing_.signature_applied = SinceStart();
  phase_ = Phase::kHandshake;
  Schedule();
}

void TlsStream::FinishHandshake() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return FailHandshake(
        tls::Failure::Of(tls::FailureKind::kResources,
                         "no descriptor left for the connection's plaintext (each connection takes "
                         "three: raise the limit of open files)"));
  }
  pair_ = Descriptor(ends[0]);
  Descriptor javascript(ends[1]);
  if (!context_.poller.Add(pair_.get(), &pair_side_)) {
    return FailHandshake(
        tls::Failure::Of(tls::FailureKind::kResources, "no room in epoll for another connection"));
  }
  deadline_.Cancel();
  Event event;
  event.kind = Event::Kind::kSecure;
  event.descriptor = std::move(javascript);
  event.facts = connection_->Facts();
  event.context = connection_->context();
  event.identity = connection_->identity();
  event.peer = connection_->TakePeer();
  event.endpoints = endpoints_;
  timing_.done = SinceStart();
  event.timing = timing_;
  connection_->FreeHandshake();
  phase_ = Phase::kOpen;
  may_receive_ = true;  // the client's first request may be in s2n's buffer already
  Post(std::move(event));
  DriveOpen();
}

void TlsStream::FailHandshake(tls::Failure failure) {
  deadline_.Cancel();
  pair_.Close();
  const bool secret = FailureIsSecret(failure);
  const uint64_t delay = secret ? connection_->BlindingDelay() : 0;
  const bool plaintext = failure.kind == tls::FailureKind::kNotTls;
  const bool received = failure.kind == tls::FailureKind::kAlert;
  const int alert = secret || received ? -1 : AlertFor(failure);
  if (!received) failure.alert = alert;
  const bool told = alert >= 0 && SendAlert(failure);
  awaited_operation_ = 0;
  Event event;
  event.kind = Event::Kind::kFailed;
  event.failure = std::move(failure);
  event.endpoints = endpoints_;
  if (connection_) {
    event.facts.server_name = connection_->ServerName();
    event.peer = connection_->TakePeer();
  }
  closed_posted_ = true;  // kFailed is the last event
  Post(std::move(event));
  context_.records.clear();
  connection_.reset();
  to_tcp_.Discard();
  if (plaintext) return RefusePlaintext();
  if (secret) return BeSilent(delay);
  if (told) return Linger();
  Close();
}

// What s2n blinds, unless it came before any secret was in play. Failures that s2n has no part in
// are ours, and not secret.
bool TlsStream::FailureIsSecret(const tls::Failure& failure) const {
  return connection_ && failure.kind != tls::FailureKind::kNotTls &&
         failure.name == connection_->failure().name && connection_->FailureIsSecret();
}

// The alert that the peer is owed (RFC 8446 section 6.2); -1: none.
int TlsStream::AlertFor(const tls::Failure& failure) const {
  switch (failure.kind) {
    case tls::FailureKind::kNone:
    case tls::FailureKind::kClosed:
    case tls::FailureKind::kReset:
    case tls::FailureKind::kAlert:
    case tls::FailureKind::kNotTls:
      return -1;
    case tls::FailureKind::kTimeout:  // the peer's own fault, or the signer's
      return phase_ == Phase::kAwaitingSignature ? tls::alert::kInternalError : -1;
    case tls::FailureKind::kProtocol:
    case tls::FailureKind::kCertificate:
      return failure.alert >= 0 ? failure.alert : tls::alert::kHandshakeFailure;
    case tls::FailureKind::kSignature:
    case tls::FailureKind::kResources:
    case tls::FailureKind::kInternal:
      return tls::alert::kInternalError;
  }
  return -1;
}

// Sends what s2n made so far, and the alert. s2n writes it under the keys it has come to; the peer
// has them too, as long as it is sent all that was made. Without a connection, and where the
// protocols' lists do not meet (s2n has gone past that by the time it is seen), it goes out in
// plaintext.
bool TlsStream::SendAlert(const tls::Failure& failure) {
  const auto alert = static_cast<uint8_t>(failure.alert);
  if (!connection_ || failure.alert == tls::alert::kNoApplicationProtocol) {
    const uint8_t record[] = {21, 3, 3, 0, 2, 2, alert};
    context_.records.assign(record, record + sizeof record);
  } else if (!connection_->SendAlert(alert)) {
    return false;
  }
  return FlushRecords() == OutputQueue::Result::kDone;
}

void TlsStream::RefusePlaintext() {
  if (!http_) return Close();
  const size_t length = sizeof kPlaintextAnswer - 1;
  if (send(tcp_.get(), kPlaintextAnswer, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return Close();
  Linger();
}

}  // namespace keyless::engine
