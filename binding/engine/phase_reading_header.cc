#include "engine/phase_reading_header.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace s2npkey::engine {

namespace {

using State = proxy::HeaderParser::State;

// The number of reads in one call. Then other streams have their turn.
constexpr int kReadsACall = 4;

Endpoints EndpointsOf(const proxy::Header& header) {
  Endpoints endpoints;
  if (header.transport == proxy::Transport::kUnix) return endpoints;  // as of a Unix socket
  const int family = header.transport == proxy::Transport::kTcp4 ? 4 : 6;
  endpoints.remote = {header.source.host, header.source.port, family};
  endpoints.local = {header.destination.host, header.destination.port, family};
  return endpoints;
}

// Detects a health check in version 1, which has no LOCAL: the header names the connection itself.
bool NamesItself(const proxy::Header& header, const Endpoints& endpoints) {
  constexpr const char* kMapped = "::ffff:";
  return header.source.port == endpoints.remote.port &&
         (header.source.host == endpoints.remote.host ||
          kMapped + header.source.host == endpoints.remote.host);
}

}  // namespace

ReadingHeader::ReadingHeader(StreamIo& io, ToHeader to) noexcept
    : io_(io),
      then_(std::move(to.then)),
      proxy_(std::move(to.proxy)),
      trusted_(proxy_.policy->from.Contain(then_.endpoints.remote.host.empty()
                                               ? proxy_.carrier_host
                                               : then_.endpoints.remote.host)) {}

Next ReadingHeader::Begin() {
  // After a reset the peer has no address. A Unix socket never has one.
  const Endpoints& ends = then_.endpoints;
  if (ends.remote.family == 0 && ends.local.family != 0) return Gone(ECONNRESET);
  if (!trusted_ && proxy_.policy->required) {
    return Refuse("PROXY_PROTOCOL_NOT_ALLOWED",
                  "the connection does not come from a network that proxyProtocol.from lists");
  }
  if (then_.until != Clock::time_point::max()) io_.SetDeadline(then_.until);
  return kStay;
}

Next ReadingHeader::Drive() {
  for (int reads = 0; io_.tcp_side.readable && awaits_ != Awaits::kAdmission; reads++) {
    if (reads == kReadsACall) {
      io_.Schedule();
      break;
    }
    // Bytes that follow the header stay where they are.
    uint8_t bytes[proxy::kLongestHeader];
    const ssize_t seen = recv(io_.tcp.get(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && errno == EAGAIN) {
      io_.tcp_side.readable = false;
      break;
    }
    if (seen <= 0) return Gone(seen < 0 ? errno : 0);
    if (awaits_ == Awaits::kHandshake) return Proceed();
    if (Next next = Read(bytes, static_cast<size_t>(seen))) return next;
  }
  return kStay;
}

Next ReadingHeader::Read(const uint8_t* bytes, size_t length) {
  if (awaits_ == Awaits::kFirstByte) {
    awaits_ = Awaits::kHeader;
    // A balancer sends its header at once, or when its client sends the first byte.
    io_.SetDeadline(std::min(then_.until, io_.context.now + io_.context.limits.proxy_header));
  }
  const size_t taken = parser_.Feed(bytes, length);
  if (parser_.state() == State::kNoHeader) {
    if (!proxy_.policy->required) return Proceed();
    return Refuse("PROXY_PROTOCOL_MISSING",
                  "the connection does not begin with a PROXY protocol header");
  }
  if (!trusted_ && parser_.state() != State::kSignature) {
    return Refuse("PROXY_PROTOCOL_NOT_ALLOWED",
                  "a PROXY protocol header came from an address that is in none of the networks "
                  "that proxyProtocol.from lists");
  }
  uint8_t dropped[proxy::kLongestHeader];
  for (size_t left = taken; left > 0;) {
    const ssize_t part = recv(io_.tcp.get(), dropped, left, MSG_DONTWAIT);
    if (part <= 0) return Gone(part < 0 ? errno : 0);
    left -= static_cast<size_t>(part);
  }
  switch (parser_.state()) {
    case State::kSignature:
      // The poller reports the next byte, or has reported the end.
      if (io_.tcp_side.read_closed) return Gone(0);
      io_.tcp_side.readable = false;
      return kStay;
    case State::kLine:
    case State::kBinary:
      return kStay;
    case State::kDone:
      return HeaderDone();
    case State::kTooLong:
      return Refuse("PROXY_PROTOCOL_TOO_LONG", parser_.problem());
    case State::kChecksum:
      return Refuse("PROXY_PROTOCOL_CHECKSUM", parser_.problem());
    case State::kMalformed:
    case State::kNoHeader:
      break;
  }
  return Refuse("PROXY_PROTOCOL_MALFORMED", parser_.problem());
}

Next ReadingHeader::HeaderDone() {
  const proxy::Header& header = parser_.header();
  if (header.transport != proxy::Transport::kUnknown && !NamesItself(header, then_.endpoints))
    return Proceed();
  awaits_ = Awaits::kHandshake;
  AwaitHandshake();
  return kStay;
}

// Posts the header as the first event of the stream.
Next ReadingHeader::Proceed() {
  ProxyHeaderRead read;
  read.balancer = then_.endpoints;
  if (parser_.state() == State::kDone) read.header = parser_.TakeHeader();
  if (read.header.transport != proxy::Transport::kUnknown)
    then_.endpoints = EndpointsOf(read.header);
  read.endpoints = then_.endpoints;
  io_.Post(std::move(read));
  if (proxy_.asks) {
    awaits_ = Awaits::kAdmission;
    AwaitHandshake();
    return kStay;
  }
  io_.Schedule();  // the poller has reported what arrived already
  return std::move(then_);
}

void ReadingHeader::AwaitHandshake() {
  io_.deadline.Cancel();
  if (then_.until != Clock::time_point::max()) io_.SetDeadline(then_.until);
}

Next ReadingHeader::Admit() {
  if (awaits_ != Awaits::kAdmission) return kStay;
  io_.Schedule();
  return std::move(then_);
}

// The peer has closed the connection, or it broke (`error`: an errno).
Next ReadingHeader::Gone(int error) {
  if (awaits_ != Awaits::kHeader) {
    return Fail(tls::Failure::Of(tls::FailureKind::kHealthCheck,
                                 "the balancer closed the connection without using it"));
  }
  if (error != 0) return Fail(tls::Failure::OfSystem(error, "read"));
  return Refuse("PROXY_PROTOCOL_INCOMPLETE",
                "the connection was closed within the PROXY protocol header");
}

Next ReadingHeader::OnDeadline() {
  if (awaits_ == Awaits::kHeader && io_.context.now < then_.until) {
    return Refuse("PROXY_PROTOCOL_TIMEOUT",
                  "the PROXY protocol header was not complete in time after its first byte");
  }
  return Fail(tls::Failure::Of(tls::FailureKind::kTimeout, "TLS handshake timeout"));
}

Next ReadingHeader::OnOutOfMemory() {
  return Fail(tls::Failure::Of(tls::FailureKind::kResources, "no memory is left"));
}

Next ReadingHeader::Refuse(const char* name, const std::string& message) {
  const bool told_by_parser = parser_.problem()[0] != '\0';
  tls::Failure failure = tls::Failure::Of(
      tls::FailureKind::kProxyProtocol,
      (told_by_parser ? "the PROXY protocol header is refused: " + message : message).c_str());
  failure.name = name;
  return Fail(std::move(failure));
}

Next ReadingHeader::Fail(tls::Failure failure) {
  HandshakeFailed failed;
  failed.failure = std::move(failure);
  failed.failure.alert = -1;  // none is sent, because the peer may not speak TLS
  failed.endpoints = then_.endpoints;
  io_.Post(std::move(failed));
  io_.told = StreamIo::Told::kEnd;
  // With bytes unread, closing the descriptor would send RST.
  for (int chunks = 0; chunks < 4 && io_.Discard() == StreamIo::Discarded::kMore; chunks++)
    continue;
  return ToEnd{};
}

}  // namespace s2npkey::engine
