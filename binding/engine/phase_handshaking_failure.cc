// Failed handshakes: the event for JavaScript, and the alert for the peer.
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "engine/phase_handshaking.h"
#include "tls/alert_description.h"

namespace s2npkey::engine {

namespace {

constexpr char kPlaintextAnswer[] =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: "
    "57\r\n\r\n"
    "This port speaks HTTPS: the request was sent without TLS\n";

constexpr char kGone[] = "the peer disconnected before the TLS handshake was done";

}  // namespace

// A write after an RST that the poller reported before fails with EPIPE, without the reason.
tls::Failure FailureOfDescriptor(int error, const char* system_call) {
  if (error == EPIPE) return tls::Failure::Of(tls::FailureKind::kReset, kGone);
  tls::Failure failure = tls::Failure::OfSystem(error, system_call);
  if (error == ECONNRESET) failure.message = kGone;
  return failure;
}

int AlertFor(const tls::Failure& failure, int unnamed) {
  switch (failure.kind) {
    case tls::FailureKind::kNone:
    case tls::FailureKind::kClosed:
    case tls::FailureKind::kReset:
    case tls::FailureKind::kAlert:
    case tls::FailureKind::kTimeout:
    case tls::FailureKind::kNotTls:
    case tls::FailureKind::kProxyProtocol:
    case tls::FailureKind::kHealthCheck:
      return -1;
    case tls::FailureKind::kProtocol:
    case tls::FailureKind::kCertificate:
      return failure.alert >= 0 ? failure.alert : unnamed;
    case tls::FailureKind::kSignature:
    case tls::FailureKind::kResources:
    case tls::FailureKind::kInternal:
      return tls::alert::kInternalError;
  }
  return -1;
}

// The peer caused a timeout, unless the handshake waited for the signer.
int Handshaking::AlertOwed(const tls::Failure& failure) const {
  if (failure.kind == tls::FailureKind::kTimeout && AwaitsApplication())
    return tls::alert::kInternalError;
  return AlertFor(failure, tls::alert::kHandshakeFailure);
}

tls::Failure Handshaking::FailureOfNegotiation() const {
  if (not_tls_) return tls::Failure::Of(tls::FailureKind::kNotTls, "the server did not speak TLS");
  if (io_.excessive())
    return tls::Failure::Of(tls::FailureKind::kProtocol, "the peer's handshake has no end");
  tls::Failure failure = connection_->failure();
  if (failure.kind == tls::FailureKind::kClosed) failure.message = kGone;
  if (failure.kind == tls::FailureKind::kReset)
    return FailureOfDescriptor(io_.receive_error(), "read");
  return failure;
}

tls::Failure Handshaking::Disconnected() {
  return tls::Failure::Of(tls::FailureKind::kClosed, kGone);
}

// The peer disconnected before all of its data was read: by FIN, or by RST, which closes both
// directions.
tls::Failure Handshaking::FailureOfGone() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (io_.tcp_side.closed) getsockopt(io_.tcp.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? Disconnected() : FailureOfDescriptor(error, "read");
}

// A peer that disconnected may have sent an alert with the reason before.
tls::Failure Handshaking::WithUnreadAlert(tls::Failure failure) {
  uint8_t first = 0;
  if (io_.client || !connection_ || failure.kind != tls::FailureKind::kClosed ||
      recv(io_.tcp.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
    return failure;
  reads_ = 0;
  io_.tcp_side.readable = true;
  const int alert = connection_->UnreadAlert(first);
  if (alert < 0) return failure;
  failure = tls::Failure::Of(tls::FailureKind::kAlert, "TLS alert received");
  failure.name = "S2N_ERR_ALERT";
  failure.alert = alert;
  return failure;
}

Next Handshaking::Fail(tls::Failure failure) {
  const bool secret = IsSecret(failure);
  const uint64_t delay = secret ? connection_->BlindingDelay() : 0;
  const bool received = failure.kind == tls::FailureKind::kAlert;
  const int alert = secret || received ? -1 : AlertOwed(failure);
  if (!received) failure.alert = alert;
  const bool sent = alert >= 0 && SendAlert(failure);
  Report(std::move(failure));
  if (secret) return ToSilence{nullptr, delay};
  if (sent) return ToLinger{};
  // With bytes unread, as MeetPeer leaves them, closing the descriptor would send RST.
  for (int chunks = 0; chunks < 4 && io_.Discard() == StreamIo::Discarded::kMore; chunks++)
    continue;
  return ToEnd{};
}

// The peer does not speak TLS. Browsers show the answer to a request without TLS.
Next Handshaking::RefusePlaintext(bool http) {
  Report(tls::Failure::Of(tls::FailureKind::kNotTls, "the peer did not speak TLS"));
  constexpr size_t kLength = sizeof kPlaintextAnswer - 1;
  if (http && send(io_.tcp.get(), kPlaintextAnswer, kLength, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
    return ToLinger{};
  io_.Discard();
  return ToEnd{};
}

// Failures that s2n blinds are secret, unless they happened before any secret was used. Failures of
// this package itself are not.
bool Handshaking::IsSecret(const tls::Failure& failure) const {
  return connection_ && failure.kind != tls::FailureKind::kNotTls &&
         failure.name == connection_->failure().name && connection_->FailureIsSecret();
}

// Sends the records that s2n created so far, and the alert. s2n encrypts it under its current keys,
// which the peer has after it has read those records. The alert is in plaintext without a
// connection, and without a common protocol, because s2n has newer keys when this is detected.
bool Handshaking::SendAlert(const tls::Failure& failure) {
  const auto alert = static_cast<uint8_t>(failure.alert);
  if (!connection_ || failure.alert == tls::alert::kNoApplicationProtocol) {
    const uint8_t record[] = {21, 3, 3, 0, 2, 2, alert};
    io_.context.records.assign(record, record + sizeof record);
  } else if (!connection_->SendAlert(alert)) {
    return false;
  }
  return io_.Flush() == OutputQueue::Result::kDone;
}

// Posts the last event of the stream, and frees what only the handshake needs.
void Handshaking::Report(tls::Failure failure) {
  HandshakeFailed failed;
  failed.failure = std::move(failure);
  failed.endpoints = endpoints_;
  if (connection_) {
    failed.server_name = connection_->ServerName();
    failed.alpn_protocol = connection_->ApplicationProtocol();
    failed.peer = connection_->TakePeer();
    failed.key_log = connection_->TakeKeyLog();
  }
  io_.Post(std::move(failed));
  io_.told = StreamIo::Told::kEnd;
  // Close the pair last: JavaScript must find the failure before the end.
  io_.context.poller.Close(io_.pair);
  io_.context.records.clear();
  io_.to_tcp.Discard();
}

}  // namespace s2npkey::engine
