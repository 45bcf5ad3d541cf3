// TlsStream until its handshake is done or has failed.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/opening.h"
#include "engine/operation_id.h"
#include "engine/tls_stream.h"
#include "tls/alert_description.h"

namespace s2npkey::engine {

namespace {

constexpr char kPlaintextAnswer[] =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: "
    "57\r\n\r\n"
    "This port speaks HTTPS: the request was sent without TLS\n";

constexpr char kGone[] = "the peer disconnected before the TLS handshake was done";

// The descriptor failed. A write that finds the peer's RST told before (EPIPE) says nothing of why.
tls::Failure FailureOfDescriptor(int error, const char* system_call) {
  if (error == EPIPE) return tls::Failure::Of(tls::FailureKind::kReset, kGone);
  tls::Failure failure = tls::Failure::OfSystem(error, system_call);
  if (error == ECONNRESET) failure.message = kGone;
  return failure;
}

}  // namespace

void TlsStream::DriveHandshake() {
  // s2n does not read while it waits, so a peer that hangs up is noticed here.
  if (AwaitsApplication() && (tcp_side_.closed || tcp_side_.read_closed))
    return FailHandshake(WithUnreadAlert(FailureOfGone()));
  if (!to_tcp_.empty() && tcp_side_.writable && FlushRecords() == OutputQueue::Result::kBroken) {
    return FailHandshake(FailureOfDescriptor(errno, "write"));
  }
  if (signature_ && !ApplySignature()) return;
  if (AwaitsApplication()) return;
  if (!connection_ && !MeetPeer()) return;

  reads_ = 0;
  const tls::Connection::Progress progress = connection_->Negotiate();
  CheckRecords();
  if (progress == tls::Connection::Progress::kFailed) {
    tls::Failure failure = connection_->failure();
    if (excessive_)
      failure = tls::Failure::Of(tls::FailureKind::kProtocol, "the peer's handshake has no end");
    if (not_tls_)
      failure = tls::Failure::Of(tls::FailureKind::kNotTls, "the server did not speak TLS");
    if (failure.kind == tls::FailureKind::kClosed) failure.message = kGone;
    if (failure.kind == tls::FailureKind::kReset)
      failure = FailureOfDescriptor(receive_error_, "read");
    return FailHandshake(std::move(failure));
  }
  // While the application chooses a context, s2n has not looked at the client's protocols yet.
  const bool chose = progress != tls::Connection::Progress::kNeedsContext;
  if (chose && !hello_checked_ && received_ > 0 && connection_->HasNoCommonProtocol()) {
    tls::Failure failure =
        tls::Failure::Of(tls::FailureKind::kProtocol,
                         "the client's ALPN protocols and the server's have none in common");
    failure.name = "NO_APPLICATION_PROTOCOL";
    failure.alert = tls::alert::kNoApplicationProtocol;
    return FailHandshake(std::move(failure));
  }
  hello_checked_ = hello_checked_ || !context_.records.empty();
  if (progress == tls::Connection::Progress::kDone) {
    HoldRecords();
    return FinishHandshake();
  }
  if (!context_.records.empty() && FlushRecords() == OutputQueue::Result::kBroken) {
    return FailHandshake(FailureOfDescriptor(errno, "write"));
  }
  if (progress == tls::Connection::Progress::kNeedsVerdict) return AskForVerdict();
  if (progress == tls::Connection::Progress::kBlocked && tcp_side_.readable) Schedule();
  if (progress == tls::Connection::Progress::kNeedsContext) {
    phase_ = Phase::kAwaitingContext;
    Post(ClientHelloReceived{connection_->ServerName(), connection_->OfferedProtocols(),
                             connection_->AsksOcsp()});
  }
  if (progress == tls::Connection::Progress::kNeedsSignature) {
    phase_ = Phase::kAwaitingSignature;
    awaited_operation_ = NextOperationId();
    timing_.signature_asked = SinceStart();
    SignAsked asked;
    asked.operation = awaited_operation_;
    asked.scheme = connection_->operation()->scheme();
    const std::vector<uint8_t>& input = connection_->operation()->input();
    asked.input.assign(input.begin(), input.end());
    asked.context = connection_->context();
    asked.identity = connection_->identity();
    asked.remote = endpoints_.remote;
    Post(std::move(asked));
  }
}

// A peer hung up, and what it sent before was not read to its end: by FIN, or by RST, which closes
// both directions.
tls::Failure TlsStream::FailureOfGone() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (tcp_side_.closed) getsockopt(tcp_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? tls::Failure::Of(tls::FailureKind::kClosed, kGone)
                    : FailureOfDescriptor(error, "read");
}

// A peer that hung up may have said why before.
tls::Failure TlsStream::WithUnreadAlert(tls::Failure failure) {
  uint8_t first = 0;
  if (client_ || !connection_ || failure.kind != tls::FailureKind::kClosed ||
      recv(tcp_.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
    return failure;
  reads_ = 0;
  tcp_side_.readable = true;
  const int alert = connection_->UnreadAlert(first);
  if (alert < 0) return failure;
  failure = tls::Failure::Of(tls::FailureKind::kAlert, "TLS alert received");
  failure.name = "S2N_ERR_ALERT";
  failure.alert = alert;
  return failure;
}

// Looks at the peer's first bytes, and leaves them where they are: s2n's memory is for those who
// begin a client hello, and whoever does not is answered at once, since no secret is in play.
// False: not yet, or never.
bool TlsStream::MeetPeer() {
  if (!tcp_side_.readable) return false;
  uint8_t bytes[kEnoughOfHello];
  const ssize_t seen = recv(tcp_.get(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  const int receive_error = errno;
  if (seen < 0 && receive_error == EAGAIN) {
    tcp_side_.readable = false;
    return false;
  }
  if (seen <= 0) {
    FailHandshake(seen == 0 ? tls::Failure::Of(tls::FailureKind::kClosed, kGone)
                            : FailureOfDescriptor(receive_error, "read"));
    return false;
  }
  const Opening opening = OpeningOf(bytes, static_cast<size_t>(seen));
  if (opening == Opening::kTls) {
    connection_ = tls::Connection::CreateServer(std::move(contexts_), this);
    if (connection_) return true;
    FailHandshake(
        tls::Failure::Of(tls::FailureKind::kResources, "no memory for another connection"));
    return false;
  }
  if (opening == Opening::kUndecided && !tcp_side_.read_closed) {
    tcp_side_.readable = false;  // the next byte is told
    return false;
  }
  if (opening == Opening::kNoHello) {
    tls::Failure failure =
        tls::Failure::Of(tls::FailureKind::kProtocol, "the peer did not begin with a client hello");
    failure.name = "NO_CLIENT_HELLO";
    failure.alert = tls::alert::kUnexpectedMessage;
    FailHandshake(std::move(failure));
    return false;
  }
  if (opening == Opening::kUndecided && bytes[0] == kHandshakeRecord) {
    FailHandshake(FailureOfGone());
    return false;
  }
  http_ = opening == Opening::kHttp;
  FailHandshake(tls::Failure::Of(tls::FailureKind::kNotTls, "the peer did not speak TLS"));
  return false;
}

void TlsStream::ChooseContext(std::shared_ptr<const tls::Config> config,
                              const std::optional<std::string>& protocol) {
  if (phase_ != Phase::kAwaitingContext) return;
  if (!connection_->ChooseContext(std::move(config), protocol))
    return FailHandshake(connection_->failure());
  phase_ = Phase::kHandshake;
  Schedule();
}

void TlsStream::CompleteSignature(OperationId operation, std::vector<uint8_t> signature) {
  if (phase_ != Phase::kAwaitingSignature || operation != awaited_operation_) return;
  awaited_operation_ = 0;
  signature_ = std::make_unique<std::vector<uint8_t>>(std::move(signature));
  Schedule();
}

// Verifying it takes longer than making it did, so it waits in line like any handshake's step.
bool TlsStream::ApplySignature() {
  const auto signature = std::exchange(signature_, nullptr);
  if (!connection_->CompleteOperation(signature->data(), signature->size())) {
    FailHandshake(connection_->failure());
    return false;
  }
  timing_.signature_applied = SinceStart();
  phase_ = Phase::kHandshake;
  return true;
}

void TlsStream::AskForVerdict() {
  phase_ = Phase::kAwaitingVerdict;
  Post(VerdictAsked{connection_->peer()});
}

void TlsStream::Judge(bool accepted) {
  if (phase_ != Phase::kAwaitingVerdict) return;
  if (!accepted) {
    tls::Failure failure = tls::Failure::Of(tls::FailureKind::kCertificate,
                                            "the server's certificate is not accepted");
    failure.name = "ERR_TLS_CERT_ALTNAME_INVALID";
    failure.alert = tls::alert::kBadCertificate;
    return FailHandshake(std::move(failure));
  }
  connection_->AcceptPeer();
  phase_ = Phase::kHandshake;
  Schedule();
}

void TlsStream::PostSessions() {
  for (memory::SecretBytes& session : connection_->TakeSessions())
    Post(SessionReceived{std::move(session)});
}

void TlsStream::FinishHandshake() {
  Descriptor javascript;
  if (!pair_) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
      return FailHandshake(tls::Failure::Of(
          tls::FailureKind::kResources,
          "no descriptor left for the connection's plaintext (each connection takes three: raise "
          "the limit of open files)"));
    }
    pair_ = Descriptor(ends[0]);
    javascript = Descriptor(ends[1]);
  }
  if (!context_.poller.AddReader(pair_.get(), &pair_side_)) {
    return FailHandshake(
        tls::Failure::Of(tls::FailureKind::kResources, "no room in epoll for another connection"));
  }
  deadline_.Cancel();
  Secured secured;
  secured.descriptor = std::move(javascript);
  secured.facts = connection_->Facts();
  http2_ = secured.facts.alpn_protocol == "h2";
  secured.key_log = connection_->TakeKeyLog();
  secured.context = connection_->context();
  secured.identity = connection_->identity();
  secured.peer = connection_->TakePeer();
  secured.endpoints = endpoints_;
  timing_.done = SinceStart();
  secured.timing = timing_;
  const bool records_may_wait = connection_->RecordsMayWait();
  connection_->EndHandshake(context_.AfterHandshake(client_));
  Post(std::move(secured));
  secure_posted_ = true;
  phase_ = Phase::kOpen;
  if (!records_may_wait && !held_.empty()) {
    if (client_ || !sink_->TakesDescriptors()) {
      if (!FlushHeld()) return;
    } else {
      awaits_taking_ = true;
      deadline_.Set(context_.deadlines, context_.now + context_.limits.taking, this);
    }
  }
  received_ = 0;
  may_receive_ = true;  // the client's first request may be in s2n's buffer already
  PostSessions();
  DriveOpen();
}

void TlsStream::Taken() {
  if (phase_ == Phase::kOpen && awaits_taking_) FlushHeld();
}

// False: the connection is broken.
bool TlsStream::FlushHeld() {
  if (FlushRecords() != OutputQueue::Result::kBroken) return true;
  BreakOpen(tls::Failure::OfSystem(errno, "write"));
  return false;
}

void TlsStream::FailHandshake(tls::Failure failure) {
  deadline_.Cancel();
  const bool secret = FailureIsSecret(failure);
  const uint64_t delay = secret ? connection_->BlindingDelay() : 0;
  const bool plaintext = failure.kind == tls::FailureKind::kNotTls;
  const bool received = failure.kind == tls::FailureKind::kAlert;
  const int alert = secret || received ? -1 : AlertFor(failure);
  if (!received) failure.alert = alert;
  const bool told = alert >= 0 && SendAlert(failure);
  awaited_operation_ = 0;
  HandshakeFailed failed;
  failed.failure = std::move(failure);
  failed.endpoints = endpoints_;
  if (connection_) {
    failed.server_name = connection_->ServerName();
    failed.alpn_protocol = connection_->ApplicationProtocol();
    failed.peer = connection_->TakePeer();
    failed.key_log = connection_->TakeKeyLog();
  }
  Post(std::move(failed));
  closed_posted_ = true;  // kFailed is the last event
  // After it was posted: whoever sees the end of the pair finds the failure first.
  context_.poller.Close(pair_);
  context_.records.clear();
  connection_.reset();
  to_tcp_.Discard();
  if (plaintext) return RefusePlaintext();
  if (secret) return BeSilent(delay);
  if (told) return Linger();
  // Closed with bytes unread, as MeetPeer leaves them, the descriptor would send a reset.
  for (int chunks = 0; chunks < 4 && DiscardRecords() == Discarded::kMore; chunks++) continue;
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
      return AwaitsApplication() ? tls::alert::kInternalError : -1;
    case tls::FailureKind::kProtocol:
    case tls::FailureKind::kCertificate:
      if (failure.alert >= 0) return failure.alert;
      return InHandshake() ? tls::alert::kHandshakeFailure : tls::alert::kUnexpectedMessage;
    case tls::FailureKind::kSignature:
    case tls::FailureKind::kResources:
    case tls::FailureKind::kInternal:
      return tls::alert::kInternalError;
  }
  return -1;
}

// Sends what s2n made so far, and the alert. s2n writes it under the keys it has come to; the peer
// has them too, if it is sent all that was made. Without a connection, and where the protocols'
// lists do not meet (s2n has gone past that by the time it is seen), it goes out in plaintext.
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
  if (!http_) {
    DiscardRecords();  // what is left unread would make a RST of the close
    return Close();
  }
  const size_t length = sizeof kPlaintextAnswer - 1;
  if (send(tcp_.get(), kPlaintextAnswer, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return Close();
  Linger();
}

}  // namespace s2npkey::engine
