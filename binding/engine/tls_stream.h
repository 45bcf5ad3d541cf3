// One connection from the accepted descriptor to the last byte: handshake, deadline, pump, close.
//
//   client ═TLS═ tcp_ ─ connection_ ─ pair_ ─ (the other end is JavaScript's)
//
// How it ends (docs/closing.md tells it to users):
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
//   handshake fails, no secret in play  kFailed; the alert that fits, under the keys in use; FIN
//   handshake fails after decrypting    kFailed; silence for s2n's blinding delay; FIN
//   the signer fails, or is too late    kFailed; alert internal_error; FIN
// clang-format on
//
// Where FIN was sent before the peer's came, the descriptor lingers: closed with bytes unread, it
// would send a RST that may overtake what was sent.
//
// Made, used and destroyed on its engine thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/deadlines.h"
#include "engine/descriptor.h"
#include "engine/descriptor_tally.h"
#include "engine/events.h"
#include "engine/loop_context.h"
#include "engine/output_queue.h"
#include "engine/poller.h"
#include "tls/connection.h"

namespace s2npkey::engine {

class TlsStream final : private tls::Transport {
 public:
  enum class Phase : uint8_t {
    kHandshake,
    kAwaitingContext,  // by the application, which was told of the client hello
    kAwaitingSignature,
    kAwaitingVerdict,  // of JavaScript, on a server's certificate
    kOpen,
    kSilent,     // failed; waits for s2n's blinding delay
    kLingering,  // all is sent; waits for the peer's FIN
    kClosed,
  };

  TlsStream(LoopContext& context, StreamId id, Descriptor tcp,
            std::shared_ptr<const tls::ServerContexts> contexts, std::shared_ptr<EventSink> sink,
            std::chrono::milliseconds handshake_timeout, DescriptorTally::Place place);
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
  // Something done with it threw std::bad_alloc: this connection ends, the others go on.
  void OnOutOfMemory() noexcept;
  // Of one that could not tell its end when it ended.
  void TellEnd();

  // From the environment. A signature for another operation than the one awaited is dropped.
  void CompleteSignature(OperationId operation, std::vector<uint8_t> signature);
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
  void SetNoDelay(bool on);
  void SetKeepAlive(bool on, int initial_delay_seconds);

  // Takes what JavaScript wrote now, without waiting for the poller to tell of it. True: nothing is
  // on its way any more.
  bool Deliver();
  // Asks to be run in this turn or the next.
  void Schedule() noexcept;

  StreamId id() const noexcept { return id_; }
  Phase phase() const noexcept { return phase_; }
  const std::shared_ptr<EventSink>& sink() const noexcept { return sink_; }
  int descriptors() const noexcept { return (tcp_ ? 1 : 0) + (pair_ ? 1 : 0); }

 private:
  // What the poller said of one descriptor, since the kernel was last asked.
  struct Side final : Watcher {
    TlsStream* stream = nullptr;
    bool readable = false;
    bool writable = true;
    bool read_closed = false;
    bool closed = false;
    void OnReady(const Readiness& readiness) override;
  };

  void Start(std::chrono::milliseconds handshake_timeout);
  bool InHandshake() const noexcept { return phase_ <= Phase::kAwaitingVerdict; }
  bool AwaitsApplication() const noexcept { return InHandshake() && phase_ != Phase::kHandshake; }

  // tls_stream_handshake.cc
  void DriveHandshake();
  bool MeetPeer();
  bool ApplySignature();
  void AskForVerdict();
  void FinishHandshake();
  void PostSessions();
  tls::Failure FailureOfGone() const;
  tls::Failure WithUnreadAlert(tls::Failure failure);
  void FailHandshake(tls::Failure failure);
  bool FailureIsSecret(const tls::Failure& failure) const;
  int AlertFor(const tls::Failure& failure) const;
  bool SendAlert(const tls::Failure& failure);
  void RefusePlaintext();

  // tls_stream_records.cc
  ssize_t ReceiveRecords(uint8_t* buffer, uint32_t length) override;
  size_t ReadRecords();
  uint8_t* Arrivals() noexcept;
  ssize_t ReadTcp(uint8_t* buffer, size_t length);
  void SendRecords(const uint8_t* data, uint32_t length) override;
  void CheckRecords() const;
  void HoldRecords();
  OutputQueue::Result FlushRecords();
  bool FlushHeld();
  OutputQueue::Result WriteTcp(const uint8_t* data, size_t length);

  // tls_stream_pump.cc
  void DriveOpen();
  bool PumpIn();
  bool PumpOut();
  bool SendPlaintext(const uint8_t* data, size_t length, memory::SecretBytes* memory);
  void EndOfRecords();
  void EndOfPlaintext();
  bool JavaScriptWrites();
  OutputQueue::Result WritePlaintext(tls::Plaintext* more);

  // tls_stream_close.cc
  enum class Discarded : uint8_t { kMore, kAll, kEnd, kBroken };
  Discarded DiscardRecords();
  void EndInbound();
  void EndOutbound();
  void FinishIfOver();
  void BreakOpen(tls::Failure failure);
  void SendLastAlert();
  void BeSilent(uint64_t nanoseconds);
  void EndSilenceEarly();
  void Linger();
  void DriveLingering();
  size_t Unacknowledged() const;
  void Close();
  void EndForWantOfMemory();
  void GiveUp() noexcept;
  void LetGo() noexcept;
  void PostClosed();

  void Post(Event::Body body);
  uint32_t SinceStart() const;

  LoopContext& context_;
  const StreamId id_;
  const std::shared_ptr<EventSink> sink_;
  DescriptorTally::Place place_;  // as long as tcp_ is open
  Descriptor tcp_;
  Descriptor pair_;
  Side tcp_side_;
  Side pair_side_;
  std::shared_ptr<const tls::ServerContexts> contexts_;  // until connection_ has them
  std::unique_ptr<tls::Connection> connection_;          // null until the peer began with TLS
  OutputQueue to_tcp_;                                   // records
  // What a handshake's last step made. Session tickets of TLS 1.3 go out with the first bytes that
  // JavaScript writes: by themselves they would cost a system call and a packet. Without any, with
  // the idle check. A TLS 1.2 server's Finished goes out when JavaScript has taken the connection
  // (or after Limits::taking): a client in the same process hears of it later, as in node:tls.
  std::vector<uint8_t> held_;
  bool awaits_taking_ = false;
  PlaintextQueue to_pair_;  // plaintext
  Endpoints endpoints_;
  Clock::time_point started_;
  Clock::time_point last_active_;
  Clock::time_point let_go_;   // when JavaScript closed its end; later, when the linger began
  uint64_t delivered_ = 0;     // of to_tcp_, when the deadline of its delivery was set
  size_t unacknowledged_ = 0;  // bytes, when the deadline of the linger was set
  int receive_error_ = 0;      // errno of the read from TCP that failed
  int send_error_ = 0;         // errno of the write to TCP that failed within s2n's call
  std::unique_ptr<tls::Failure>
      inbound_failure_;  // told when what came before it is with JavaScript
  HandshakeTiming timing_;
  int last_alert_ = -1;  // sent before FIN when an open connection broke; -1: none
  OperationId awaited_operation_ = 0;
  std::unique_ptr<std::vector<uint8_t>> signature_;  // until its turn to be verified and applied

  Phase phase_ = Phase::kHandshake;
  const bool client_ = false;
  bool secure_posted_ = false;
  bool error_posted_ = false;
  bool records_lost_ = false;  // for want of memory
  bool not_tls_ = false;       // a client's server
  bool http_ = false;
  bool http2_ = false;      // by ALPN, once the handshake is done
  bool excessive_ = false;  // the peer sent more than a limit lets it
  bool hello_checked_ = false;
  size_t received_ = 0;         // bytes of the handshake, or since the last byte of plaintext
  int reads_ = 0;               // of the handshake, since s2n was last called
  bool may_receive_ = false;    // records may wait in the descriptor or in s2n's buffer
  bool inbound_over_ = false;   // nothing more will come from the peer
  bool inbound_shut_ = false;   // and JavaScript was told
  bool outbound_over_ = false;  // JavaScript will write no more
  bool fin_sent_ = false;
  bool fin_received_ = false;
  bool closed_posted_ = false;

  IntrusiveQueue<TlsStream>::Link line_{this};     // of those with something to do
  IntrusiveQueue<TlsStream>::Link ended_{this};    // of those that are closed
  IntrusiveQueue<TlsStream>::Link silence_{this};  // of those that are silent

  // Last: cancelled first.
  Deadlines<TlsStream>::Entry deadline_;
  Deadlines<TlsStream>::Entry idle_check_;
};

}  // namespace s2npkey::engine
