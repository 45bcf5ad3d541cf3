#include "engine/tls_stream.h"

#include <sys/socket.h>

#include <new>
#include <type_traits>
#include <utility>

namespace s2npkey::engine {

namespace {

Clock::time_point Until(const LoopContext& context, std::chrono::milliseconds timeout) {
  return timeout.count() > 0 ? context.now + timeout : Clock::time_point::max();
}

}  // namespace

TlsStream::TlsStream(LoopContext& context, StreamId id, Descriptor tcp,
                     std::shared_ptr<const tls::ServerContexts> contexts,
                     std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout,
                     DescriptorTally::Place place, ProxyProtocol proxy)
    : io_(context, this, this, id, std::move(tcp), Descriptor(), std::move(sink), std::move(place),
          false),
      phase_(FirstPhase(io_,
                        ToHandshake{std::move(contexts), nullptr, Endpoints::Of(io_.tcp.get()),
                                    Until(context, handshake_timeout)},
                        std::move(proxy))) {
  Start();
}

TlsStream::Phase TlsStream::FirstPhase(StreamIo& io, ToHandshake to, ProxyProtocol proxy) {
  if (!proxy.policy) return Phase(std::in_place_type<Handshaking>, io, std::move(to));
  return Phase(std::in_place_type<ReadingHeader>, io, ToHeader{std::move(to), std::move(proxy)});
}

TlsStream::TlsStream(LoopContext& context, StreamId id, Descriptor tcp, Descriptor pair,
                     tls::ClientOptions options, std::shared_ptr<EventSink> sink,
                     std::chrono::milliseconds handshake_timeout)
    : io_(context, this, this, id, std::move(tcp), std::move(pair), std::move(sink), {}, true),
      phase_(std::in_place_type<Handshaking>, io_,
             ToHandshake{nullptr, tls::Connection::CreateClient(std::move(options), this),
                         Endpoints::Of(io_.tcp.get()), Until(context, handshake_timeout)}) {
  Start();
}

void TlsStream::Start() {
  io_.SetNoDelay(true);  // waiting in the kernel for more data would only add latency
  if (!io_.context.poller.Add(io_.tcp.get(), &io_.tcp_side)) {
    return FailBeforeOpen(tls::Failure::Of(tls::FailureKind::kResources,
                                           "no memory or no room in epoll for another connection"));
  }
  Go(std::visit([](auto& phase) -> Next { return phase.Begin(); }, phase_));
}

// The deadline of a phase ends with it.
void TlsStream::Go(Next next) {
  while (next) {
    io_.deadline.Cancel();
    std::visit(
        [this](auto& to) {
          using InPhase = typename std::remove_reference_t<decltype(to)>::Phase;
          static_assert(
              std::is_nothrow_constructible_v<InPhase, StreamIo&, decltype(std::move(to))>);
          phase_.template emplace<InPhase>(io_, std::move(to));
        },
        *next);
    next = std::visit([](auto& phase) { return phase.Begin(); }, phase_);
  }
}

void TlsStream::Schedule() noexcept {
  if (Is<Ended>()) return;
  (IsBeforeOpen() ? io_.context.handshakes : io_.context.run_queue).Push(line_);
}

void TlsStream::Drive() {
  Go(std::visit([](auto& phase) { return phase.Drive(); }, phase_));
}

void TlsStream::OnDeadline() {
  Go(std::visit([](auto& phase) { return phase.OnDeadline(); }, phase_));
}

void TlsStream::OnIdleCheck() {
  if (Open* open = As<Open>()) Go(open->OnIdleCheck());
}

void TlsStream::EndSilenceEarly() {
  if (Silent* silent = As<Silent>()) silent->EndEarly();
}

void TlsStream::OnOutOfMemory() noexcept {
  io_.LoseRecords();
  try {
    // If JavaScript has an end already, no further event is posted.
    if (io_.told < StreamIo::Told::kBroken) {
      if (ReadingHeader* reading = As<ReadingHeader>()) return Go(reading->OnOutOfMemory());
      if (Handshaking* handshaking = As<Handshaking>()) return Go(handshaking->OnOutOfMemory());
      if (Open* open = As<Open>()) return Go(open->OnOutOfMemory());
    }
  } catch (const std::bad_alloc&) {
    // There is no memory even for that.
  }
  GiveUp();
}

// Needs no memory. The end is posted when there is some.
void TlsStream::GiveUp() noexcept {
  if (Ended* ended = As<Ended>()) {
    ended->Begin();
    return;
  }
  ToEnd end;
  if (ReadingHeader* reading = As<ReadingHeader>()) end.endpoints = reading->TakeEndpoints();
  if (Handshaking* handshaking = As<Handshaking>()) end.endpoints = handshaking->TakeEndpoints();
  Go(std::move(end));
}

void TlsStream::TellEnd() {
  if (Ended* ended = As<Ended>()) ended->TellEnd();
}

void TlsStream::CompleteSignature(OperationId operation, std::vector<uint8_t> signature) {
  if (Handshaking* handshaking = As<Handshaking>())
    handshaking->CompleteSignature(operation, std::move(signature));
}

bool TlsStream::AwaitsSignature() const noexcept {
  const Handshaking* handshaking = std::get_if<Handshaking>(&phase_);
  return handshaking && handshaking->awaits_signature();
}

void TlsStream::ChooseContext(std::shared_ptr<const tls::Config> config,
                              const std::optional<std::string>& protocol) {
  if (Handshaking* handshaking = As<Handshaking>())
    Go(handshaking->ChooseContext(std::move(config), protocol));
}

void TlsStream::Judge(bool accepted) {
  if (Handshaking* handshaking = As<Handshaking>()) Go(handshaking->Judge(accepted));
}

void TlsStream::Destroy(int alert) {
  if (!IsBeforeOpen()) return;
  tls::Failure failure =
      tls::Failure::Of(alert < 0 ? tls::FailureKind::kClosed : tls::FailureKind::kProtocol,
                       "the application ended the handshake");
  failure.name = "APPLICATION";
  failure.alert = alert;
  FailBeforeOpen(std::move(failure));
}

void TlsStream::FailBeforeOpen(tls::Failure failure) {
  if (ReadingHeader* reading = As<ReadingHeader>()) return Go(reading->Fail(std::move(failure)));
  if (Handshaking* handshaking = As<Handshaking>()) Go(handshaking->Fail(std::move(failure)));
}

void TlsStream::Admit() {
  if (ReadingHeader* reading = As<ReadingHeader>()) Go(reading->Admit());
}

void TlsStream::Taken() {
  if (Open* open = As<Open>()) Go(open->Taken());
}

bool TlsStream::Deliver() {
  if (Open* open = As<Open>()) Go(open->Deliver());
  const Open* open = As<Open>();  // unless it ended by that
  return !open || open->delivered();
}

memory::SecretBytes TlsStream::ExportKeyingMaterial(
    size_t length, const std::string& label, const std::optional<std::vector<uint8_t>>& context) {
  memory::SecretBytes material(length);
  Open* open = As<Open>();
  if (!open || !open->connection().ExportKeyingMaterial(label, context, &material)) return {};
  return material;
}

void TlsStream::Reset() {
  if (!Is<Ended>()) Go(io_.Reset());
}

void TlsStream::Abandon() {
  if (Open* open = As<Open>()) return open->Abandon();
  if (!IsBeforeOpen()) return;
  io_.PostClosed();
  Go(ToEnd{});
}

ssize_t TlsStream::ReceiveRecords(uint8_t* buffer, uint32_t length) {
  if (Handshaking* handshaking = As<Handshaking>()) return handshaking->Receive(buffer, length);
  return io_.ReadEnd();
}

void TlsStream::SendRecords(const uint8_t* data, uint32_t length) { io_.Send(data, length); }

}  // namespace s2npkey::engine
