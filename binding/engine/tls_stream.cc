#include "engine/tls_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

namespace s2npkey::engine {

TlsStream::TlsStream(LoopContext& context, StreamId id, Descriptor tcp,
                     std::shared_ptr<const tls::ServerContexts> contexts,
                     std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout,
                     DescriptorTally::Place place)
    : context_(context),
      id_(id),
      sink_(std::move(sink)),
      place_(std::move(place)),
      tcp_(std::move(tcp)),
      contexts_(std::move(contexts)),
      endpoints_(Endpoints::Of(tcp_.get())),
      started_(context.now),
      last_active_(context.now) {
  Start(handshake_timeout);
}

TlsStream::TlsStream(LoopContext& context, StreamId id, Descriptor tcp, Descriptor pair,
                     tls::ClientOptions options, std::shared_ptr<EventSink> sink,
                     std::chrono::milliseconds handshake_timeout)
    : context_(context),
      id_(id),
      sink_(std::move(sink)),
      tcp_(std::move(tcp)),
      pair_(std::move(pair)),
      endpoints_(Endpoints::Of(tcp_.get())),
      started_(context.now),
      last_active_(context.now),
      client_(true) {
  connection_ = tls::Connection::CreateClient(std::move(options), this);
  Start(handshake_timeout);
}

void TlsStream::Start(std::chrono::milliseconds handshake_timeout) {
  tcp_side_.stream = this;
  pair_side_.stream = this;
  SetNoDelay(
      true);  // records are gathered here; waiting for more in the kernel would only add latency
  if ((client_ && !connection_) || !context_.poller.Add(tcp_.get(), &tcp_side_)) {
    FailHandshake(tls::Failure::Of(tls::FailureKind::kResources,
                                   "no memory or no room in epoll for another connection"));
    return;
  }
  if (handshake_timeout.count() > 0) {
    deadline_.Set(context_.deadlines, context_.now + handshake_timeout, this);
  }
}

void TlsStream::Side::OnReady(const Readiness& readiness) {
  readable = readable || readiness.readable;
  writable = writable || readiness.writable;
  read_closed = read_closed || readiness.read_closed;
  closed = closed || readiness.closed;
  stream->Schedule();
}

void TlsStream::Schedule() noexcept {
  if (phase_ != Phase::kClosed)
    (InHandshake() ? context_.handshakes : context_.run_queue).Push(line_);
}

void TlsStream::Drive() {
  switch (phase_) {
    case Phase::kHandshake:
    case Phase::kAwaitingContext:
    case Phase::kAwaitingSignature:
    case Phase::kAwaitingVerdict:
      DriveHandshake();
      break;
    case Phase::kOpen:
      DriveOpen();
      break;
    case Phase::kLingering:
      DriveLingering();
      break;
    case Phase::kSilent:
      if (tcp_side_.closed) Close();  // RST: nobody is left to measure how long it takes
      break;
    case Phase::kClosed:
      break;
  }
}

void TlsStream::Post(Event::Body body) {
  context_.events.Post(sink_, Event{id_, std::move(body)}, context_.now);
}

uint32_t TlsStream::SinceStart() const {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count());
}

memory::SecretBytes TlsStream::ExportKeyingMaterial(
    size_t length, const std::string& label, const std::optional<std::vector<uint8_t>>& context) {
  memory::SecretBytes material(length);
  if (phase_ != Phase::kOpen || !connection_->ExportKeyingMaterial(label, context, &material))
    return {};
  return material;
}

void TlsStream::SetNoDelay(bool on) {
  const int value = on ? 1 : 0;
  if (tcp_) setsockopt(tcp_.get(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

void TlsStream::SetKeepAlive(bool on, int initial_delay_seconds) {
  if (!tcp_) return;
  const int value = on ? 1 : 0;
  setsockopt(tcp_.get(), SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value);
  if (on && initial_delay_seconds > 0) {
    // As libuv does (uv_tcp_keepalive): the system's own are 9 probes, 75 seconds apart.
    const int seconds_between_probes = 1;
    const int probes = 10;
    setsockopt(tcp_.get(), IPPROTO_TCP, TCP_KEEPIDLE, &initial_delay_seconds,
               sizeof initial_delay_seconds);
    setsockopt(tcp_.get(), IPPROTO_TCP, TCP_KEEPINTVL, &seconds_between_probes,
               sizeof seconds_between_probes);
    setsockopt(tcp_.get(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  }
}

}  // namespace s2npkey::engine
