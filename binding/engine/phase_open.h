// The phase of a stream whose handshake is done: plaintext to and from the pair, records to and
// from TCP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/deadlines.h"
#include "engine/next_phase.h"
#include "engine/output_queue.h"
#include "engine/stream_io.h"
#include "tls/connection.h"
#include "tls/plaintext.h"

namespace s2npkey::engine {

class Open {
 public:
  Open(StreamIo& io, ToOpen to) noexcept;
  ~Open() { io_.idle_check.Cancel(); }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

  Next Begin();
  Next Drive();
  Next OnDeadline();
  Next OnIdleCheck();
  Next OnOutOfMemory();

  // JavaScript has the descriptor of the pair.
  Next Taken();
  // Reads what JavaScript has written by now, without waiting for the poller.
  Next Deliver();
  bool delivered() const noexcept;
  // The environment is gone.
  void Abandon();
  tls::Connection& connection() noexcept { return *connection_; }

 private:
  // Records to plaintext.
  enum class Inbound : uint8_t {
    kFlowing,
    kFailing,  // with failure_, as soon as JavaScript has all plaintext from before it
    kEnding,   // the peer sends nothing more; JavaScript does not have all plaintext yet
    kEnded,    // JavaScript has the end as well
  };
  // Plaintext to records.
  enum class Outbound : uint8_t {
    // A TLS 1.2 server's Finished goes out when JavaScript has taken the connection, or after
    // Limits::taking. So a client in the same process learns of it later than JavaScript, as in
    // node:tls. Any other records take it along.
    kAwaitsTaking,
    kFlowing,
    kEnding,  // JavaScript writes nothing more; not everything is sent yet
    kEnded,   // FIN is sent as well
  };

  bool InboundOver() const noexcept { return in_ >= Inbound::kEnding; }
  bool OutboundOver() const noexcept { return out_ >= Outbound::kEnding; }

  // phase_open.cc: how it ends
  void EndInbound();
  void EndOutbound();
  Next FinishIfOver();
  Next Break(tls::Failure failure);
  OutputQueue::Result Flush();
  Next FlushOrBreak();

  // phase_open_pump.cc. `moved`: something was moved, and there may be more.
  Next PumpIn(bool* moved);
  Next PumpOut(bool* moved);
  Next Receive(bool* moved);
  Next EndOfRecords();
  void PostSessions();
  OutputQueue::Result WritePlaintext(tls::Plaintext* more);
  bool JavaScriptWrites();
  Next Send(size_t length);
  bool Encrypt(const uint8_t* data, size_t length);
  Next EndOfPlaintext();

  StreamIo& io_;
  std::unique_ptr<tls::Connection> connection_;
  PlaintextQueue to_pair_;
  std::unique_ptr<tls::Failure> failure_;  // while in_ is kFailing
  Clock::time_point last_active_;
  Clock::time_point let_go_;  // when JavaScript closed its end
  uint64_t delivered_ = 0;    // bytes that TCP had accepted when the deadline of that was set
  Inbound in_ = Inbound::kFlowing;
  Outbound out_;
  bool may_receive_ = true;  // records may wait in the descriptor or in s2n's buffer
  const bool http2_;         // by ALPN
};

}  // namespace s2npkey::engine
