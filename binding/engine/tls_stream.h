// One connection from the accepted descriptor to the last byte. TlsStream passes what happens to
// the phase that the connection is in: see next_phase.h.
//
//   client ═TLS═ tcp ─ tls::Connection ─ pair ─ (the other end is JavaScript's)
//
// How it ends (docs/closing.md explains it to users):
//
// clang-format off
//   JS end() (half-close of the pair)   everything written before, close_notify, FIN; goes on receiving
//   JS destroy() after end()            the same; what the peer still sends is thrown away
//   JS destroy() (its end is closed)    everything written before, FIN: no close_notify, so that the
//                                       peer does not take what it has for all there was
//   the environment is gone             the same
//   JS resetAndDestroy() (Reset)        RST at once
//   peer's close_notify                 everything received before, then the end of the pair: JS 'end';
//                                       what the peer sends after it is thrown away
//   peer's FIN without close_notify     the same, as node:tls does; kTruncated comes before the end
//   peer's RST, or a dead connection    everything received before, kError (kReset), the pair is closed
//   record that fails                   the same with the failure's kind; then silence for s2n's blinding
//                                       delay, the alert bad_record_mac, FIN
//   the peer resets in that silence     the descriptor is closed
//   peer's fatal alert                  the same, without silence and alert
//   a limit, memory that ran out        the same with the failure's kind; everything written before,
//                                       the alert that fits, FIN
//   PROXY protocol header is refused    kFailed; FIN, without an alert
//   handshake fails, no secret in play  kFailed; the alert that fits, under the keys in use; FIN
//   handshake fails after decrypting    kFailed; silence for s2n's blinding delay; FIN
//   the signer fails, or is too late    kFailed; alert internal_error; FIN
// clang-format on
//
// Where FIN was sent before the peer's came, the descriptor lingers: closed with bytes unread, it
// would send a RST that may overtake what was sent.
//
// Created, used and destroyed on its engine thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/descriptor.h"
#include "engine/descriptor_tally.h"
#include "engine/events.h"
#include "engine/loop_context.h"
#include "engine/next_phase.h"
#include "engine/phase_departing.h"
#include "engine/phase_handshaking.h"
#include "engine/phase_open.h"
#include "engine/phase_reading_header.h"
#include "engine/stream_io.h"
#include "tls/connection.h"

namespace s2npkey::engine {

class TlsStream final : private tls::Transport {
 public:
  TlsStream(LoopContext& context, StreamId id, Descriptor tcp,
            std::shared_ptr<const tls::ServerContexts> contexts, std::shared_ptr<EventSink> sink,
            std::chrono::milliseconds handshake_timeout, DescriptorTally::Place place,
            ProxyProtocol proxy = {});
  // A client's. `pair` is the engine's end; JavaScript has the other already, and what it writes
  // waits in it until the handshake is done.
  TlsStream(LoopContext& context, StreamId id, Descriptor tcp, Descriptor pair,
            tls::ClientOptions options, std::shared_ptr<EventSink> sink,
            std::chrono::milliseconds handshake_timeout);
  ~TlsStream() = default;

  // Does what can be done now, within bounds, and asks to be run again if there is more.
  void Drive();
  void OnDeadline();
  void OnIdleCheck();
  // Something done with it threw std::bad_alloc: this connection ends, the others continue.
  void OnOutOfMemory() noexcept;
  // Posts the end of a stream that ended when there was no memory to post it.
  void TellEnd();
  // Too many are silent.
  void EndSilenceEarly();

  // Commands of the environment. In a phase that one of them does not concern, it does nothing.

  // A signature for another operation than the one awaited is dropped.
  void CompleteSignature(OperationId operation, std::vector<uint8_t> signature);
  // The client whose address a PROXY protocol header names may begin with its handshake.
  void Admit();
  // JavaScript has the descriptor of the pair.
  void Taken();
  // Ends a handshake with this alert; -1: with none.
  void Destroy(int alert);
  void ChooseContext(std::shared_ptr<const tls::Config> config,
                     const std::optional<std::string>& protocol);
  // The verdict on a server's certificate. Not accepted: the handshake ends with bad_certificate.
  void Judge(bool accepted);
  memory::SecretBytes ExportKeyingMaterial(size_t length, const std::string& label,
                                           const std::optional<std::vector<uint8_t>>& context);
  void Reset();
  // The environment is gone: what JavaScript wrote is still delivered, everything else ends now.
  void Abandon();
  void SetNoDelay(bool on) { io_.SetNoDelay(on); }
  void SetKeepAlive(bool on, int initial_delay_seconds) {
    io_.SetKeepAlive(on, initial_delay_seconds);
  }

  // Reads what JavaScript has written by now, without waiting for the poller. True: all of it is
  // with TCP.
  bool Deliver();
  // Asks to be run in this turn or the next.
  void Schedule() noexcept;

  StreamId id() const noexcept { return io_.id; }
  const std::shared_ptr<EventSink>& sink() const noexcept { return io_.sink; }
  int descriptors() const noexcept { return (io_.tcp ? 1 : 0) + (io_.pair ? 1 : 0); }
  template <typename InPhase>
  bool Is() const noexcept {
    return std::holds_alternative<InPhase>(phase_);
  }
  bool AwaitsSignature() const noexcept;
  bool IsBeforeOpen() const noexcept { return Is<ReadingHeader>() || Is<Handshaking>(); }

 private:
  using Phase = std::variant<ReadingHeader, Handshaking, Open, Silent, Lingering, Ended>;

  // Null in another phase.
  template <typename InPhase>
  InPhase* As() noexcept {
    return std::get_if<InPhase>(&phase_);
  }
  static Phase FirstPhase(StreamIo& io, ToHandshake to, ProxyProtocol proxy);
  void Start();
  void Go(Next next);
  void FailBeforeOpen(tls::Failure failure);
  void GiveUp() noexcept;
  ssize_t ReceiveRecords(uint8_t* buffer, uint32_t length) override;
  void SendRecords(const uint8_t* data, uint32_t length) override;

  StreamIo io_;
  Phase phase_;
  IntrusiveQueue<TlsStream>::Link line_{this};  // of those with something to do
};

}  // namespace s2npkey::engine
