#include "engine/phase_handshaking.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "engine/opening.h"
#include "engine/operation_id.h"
#include "tls/alert_description.h"

namespace s2npkey::engine {

namespace {

// RFC 8446 section 5.1
constexpr uint8_t kFirstRecordType = 20;
constexpr uint8_t kLastRecordType = 23;
// The number of reads in one call of s2n: a record, and the rest of the previous one.
constexpr int kReadsACall = 2;
// The longest handshake of a peer, in bytes: two client hellos and a certificate chain at s2n's
// limit of 64 KiB each, with a margin.
constexpr size_t kLongestHandshake = 256 * 1024;

}  // namespace

Handshaking::Handshaking(StreamIo& io, ToHandshake to) noexcept
    : io_(io),
      contexts_(std::move(to.contexts)),
      connection_(std::move(to.connection)),
      endpoints_(std::move(to.endpoints)),
      until_(to.until),
      started_(io.context.now) {}

Next Handshaking::Begin() {
  if (io_.client && !connection_) {
    return Fail(tls::Failure::Of(tls::FailureKind::kResources,
                                 "no memory or no room in epoll for another connection"));
  }
  if (until_ != Clock::time_point::max()) io_.SetDeadline(until_);
  return kStay;
}

Next Handshaking::Drive() {
  // s2n does not read while it waits, so a peer that disconnects is detected here.
  if (AwaitsApplication() && (io_.tcp_side.closed || io_.tcp_side.read_closed))
    return Fail(WithUnreadAlert(FailureOfGone()));
  if (!io_.to_tcp.empty() && io_.tcp_side.writable && io_.Flush() == OutputQueue::Result::kBroken)
    return Fail(FailureOfDescriptor(errno, "write"));
  if (signature_) {
    if (Next next = ApplySignature()) return next;
  }
  if (AwaitsApplication()) return kStay;
  if (!connection_) {
    Next next = MeetPeer();
    if (!connection_) return next;
  }

  using Progress = tls::Connection::Progress;
  reads_ = 0;
  const Progress progress = connection_->Negotiate();
  io_.CheckRecords();
  if (progress == Progress::kFailed) return Fail(FailureOfNegotiation());
  // While the application chooses a context, s2n has not looked at the client's protocols yet.
  const bool chose = progress != Progress::kNeedsContext;
  if (chose && !hello_checked_ && io_.received() > 0 && connection_->HasNoCommonProtocol()) {
    tls::Failure failure =
        tls::Failure::Of(tls::FailureKind::kProtocol,
                         "the client's ALPN protocols and the server's have none in common");
    failure.name = "NO_APPLICATION_PROTOCOL";
    failure.alert = tls::alert::kNoApplicationProtocol;
    return Fail(std::move(failure));
  }
  hello_checked_ = hello_checked_ || !io_.context.records.empty();
  if (progress == Progress::kDone) {
    io_.Hold();
    return Finish();
  }
  if (!io_.context.records.empty() && io_.Flush() == OutputQueue::Result::kBroken)
    return Fail(FailureOfDescriptor(errno, "write"));
  if (progress == Progress::kBlocked && io_.tcp_side.readable) io_.Schedule();
  if (progress == Progress::kNeedsContext) AskForContext();
  if (progress == Progress::kNeedsSignature) AskForSignature();
  if (progress == Progress::kNeedsVerdict) AskForVerdict();
  return kStay;
}

Next Handshaking::OnDeadline() {
  return Fail(tls::Failure::Of(tls::FailureKind::kTimeout, "TLS handshake timeout"));
}

Next Handshaking::OnOutOfMemory() {
  return Fail(tls::Failure::Of(tls::FailureKind::kResources, "no memory is left"));
}

// Looks at the client's first bytes without taking them. s2n's memory is only for clients that
// begin a client hello. All others are answered at once, because no secret is in play. The
// connection is still null if it must wait, or has failed.
Next Handshaking::MeetPeer() {
  if (!io_.tcp_side.readable) return kStay;
  uint8_t bytes[kEnoughOfHello];
  const ssize_t seen = recv(io_.tcp.get(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  if (seen < 0 && errno != EAGAIN) return Fail(FailureOfDescriptor(errno, "read"));
  if (seen < 0) {
    io_.tcp_side.readable = false;
    return kStay;
  }
  if (seen == 0) return Fail(Disconnected());
  switch (OpeningOf(bytes, static_cast<size_t>(seen))) {
    case Opening::kTls:
      connection_ = tls::Connection::CreateServer(std::move(contexts_), io_.transport);
      if (connection_) return kStay;
      return Fail(
          tls::Failure::Of(tls::FailureKind::kResources, "no memory for another connection"));
    case Opening::kNoHello: {
      tls::Failure failure = tls::Failure::Of(tls::FailureKind::kProtocol,
                                              "the peer did not begin with a client hello");
      failure.name = "NO_CLIENT_HELLO";
      failure.alert = tls::alert::kUnexpectedMessage;
      return Fail(std::move(failure));
    }
    case Opening::kUndecided:
      if (!io_.tcp_side.read_closed) {
        io_.tcp_side.readable = false;  // the poller reports the next byte
        return kStay;
      }
      return bytes[0] == kHandshakeRecord ? Fail(FailureOfGone()) : RefusePlaintext(false);
    case Opening::kHttp:
      return RefusePlaintext(true);
    case Opening::kUnknown:
      return RefusePlaintext(false);
  }
  return kStay;
}

ssize_t Handshaking::Receive(uint8_t* buffer, uint32_t length) {
  // s2n continues to read while records have no plaintext (such as key updates). This limits its
  // work in each call, and in total.
  if (!io_.tcp_side.readable || reads_ >= kReadsACall) {
    errno = EAGAIN;
    return -1;
  }
  if (io_.Excessive(kLongestHandshake)) {
    errno = EIO;
    return -1;
  }
  const bool first = io_.received() == 0;
  const ssize_t received = io_.Read(buffer, length);
  if (received < 0) return -1;
  reads_++;
  // A server may answer with an alert. s2n does not even see one that does not speak TLS.
  if (io_.client && first && received > 0 &&
      (buffer[0] < kFirstRecordType || buffer[0] > kLastRecordType)) {
    not_tls_ = true;
    errno = EIO;
    return -1;
  }
  return received;
}

void Handshaking::AskForContext() {
  awaits_ = Awaits::kContext;
  io_.Post(ClientHelloReceived{connection_->ServerName(), connection_->OfferedProtocols(),
                               connection_->AsksOcsp()});
}

Next Handshaking::ChooseContext(std::shared_ptr<const tls::Config> config,
                                const std::optional<std::string>& protocol) {
  if (awaits_ != Awaits::kContext) return kStay;
  if (!connection_->ChooseContext(std::move(config), protocol)) return Fail(connection_->failure());
  awaits_ = Awaits::kPeer;
  io_.Schedule();
  return kStay;
}

void Handshaking::AskForSignature() {
  awaits_ = Awaits::kSignature;
  awaited_operation_ = NextOperationId();
  timing_.signature_asked = SinceStart();
  SignAsked asked;
  asked.operation = awaited_operation_;
  asked.scheme = connection_->operation()->scheme();
  const std::vector<uint8_t>& input = connection_->operation()->input();
  asked.input.assign(input.begin(), input.end());
  asked.transcript_hash = connection_->operation()->transcript_hash();
  asked.context = connection_->context();
  asked.identity = connection_->identity();
  asked.remote = endpoints_.remote;
  io_.Post(std::move(asked));
}

void Handshaking::CompleteSignature(OperationId operation, std::vector<uint8_t> signature) {
  if (awaits_ != Awaits::kSignature || operation != awaited_operation_) return;
  awaited_operation_ = 0;
  signature_ = std::make_unique<std::vector<uint8_t>>(std::move(signature));
  io_.Schedule();
}

// Verifying a signature takes longer than creating one, so it waits its turn like any other step of
// a handshake.
Next Handshaking::ApplySignature() {
  const auto signature = std::exchange(signature_, nullptr);
  if (!connection_->CompleteOperation(signature->data(), signature->size()))
    return Fail(connection_->failure());
  timing_.signature_applied = SinceStart();
  awaits_ = Awaits::kPeer;
  return kStay;
}

void Handshaking::AskForVerdict() {
  awaits_ = Awaits::kVerdict;
  io_.Post(VerdictAsked{connection_->peer()});
}

Next Handshaking::Judge(bool accepted) {
  if (awaits_ != Awaits::kVerdict) return kStay;
  if (!accepted) {
    tls::Failure failure = tls::Failure::Of(tls::FailureKind::kCertificate,
                                            "the server's certificate is not accepted");
    failure.name = "ERR_TLS_CERT_ALTNAME_INVALID";
    failure.alert = tls::alert::kBadCertificate;
    return Fail(std::move(failure));
  }
  connection_->AcceptPeer();
  awaits_ = Awaits::kPeer;
  io_.Schedule();
  return kStay;
}

Next Handshaking::Finish() {
  Descriptor javascript;
  if (!io_.pair) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
      return Fail(tls::Failure::Of(
          tls::FailureKind::kResources,
          "no descriptor left for the connection's plaintext (each connection takes three: raise "
          "the limit of open files)"));
    }
    io_.pair = Descriptor(ends[0]);
    javascript = Descriptor(ends[1]);
  }
  if (!io_.context.poller.AddReader(io_.pair.get(), &io_.pair_side)) {
    return Fail(
        tls::Failure::Of(tls::FailureKind::kResources, "no room in epoll for another connection"));
  }
  Secured secured;
  secured.descriptor = std::move(javascript);
  secured.facts = connection_->Facts();
  const bool http2 = secured.facts.alpn_protocol == "h2";
  secured.key_log = connection_->TakeKeyLog();
  secured.context = connection_->context();
  secured.identity = connection_->identity();
  secured.peer = connection_->TakePeer();
  secured.endpoints = endpoints_;
  timing_.done = SinceStart();
  secured.timing = timing_;
  const bool peer_waits = !connection_->RecordsMayWait() && io_.holds();
  connection_->EndHandshake(io_.context.AfterHandshake(io_.client));
  io_.Post(std::move(secured));
  io_.told = StreamIo::Told::kSecure;
  return ToOpen{std::move(connection_), http2, peer_waits};
}

uint32_t Handshaking::SinceStart() const {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count());
}

}  // namespace s2npkey::engine
