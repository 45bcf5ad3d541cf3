// The phase of a stream from its first byte until the handshake is done or has failed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/endpoints.h"
#include "engine/events.h"
#include "engine/next_phase.h"
#include "engine/stream_io.h"
#include "tls/connection.h"

namespace s2npkey::engine {

class Handshaking {
 public:
  Handshaking(StreamIo& io, ToHandshake to) noexcept;

  Next Begin();
  Next Drive();
  Next OnDeadline();
  Next OnOutOfMemory();
  Next Fail(tls::Failure failure);

  // Answers of the application. They are ignored unless the handshake waits for them; so is a
  // signature for another operation.
  Next ChooseContext(std::shared_ptr<const tls::Config> config,
                     const std::optional<std::string>& protocol);
  void CompleteSignature(OperationId operation, std::vector<uint8_t> signature);
  Next Judge(bool accepted);

  // For s2n, while it negotiates: like read(2).
  ssize_t Receive(uint8_t* buffer, uint32_t length);

  bool awaits_signature() const noexcept { return awaits_ == Awaits::kSignature; }
  // For an end that cannot be posted yet.
  Endpoints TakeEndpoints() noexcept { return std::move(endpoints_); }

 private:
  enum class Awaits : uint8_t {
    kPeer,
    kContext,    // the application's choice by the client hello
    kSignature,  // until it is applied
    kVerdict,    // JavaScript's, on a server's certificate
  };

  bool AwaitsApplication() const noexcept { return awaits_ != Awaits::kPeer; }
  Next MeetPeer();
  Next ApplySignature();
  void AskForContext();
  void AskForSignature();
  void AskForVerdict();
  Next Finish();
  uint32_t SinceStart() const;

  // phase_handshaking_failure.cc
  tls::Failure FailureOfNegotiation() const;
  static tls::Failure Disconnected();
  tls::Failure FailureOfGone() const;
  tls::Failure WithUnreadAlert(tls::Failure failure);
  bool IsSecret(const tls::Failure& failure) const;
  int AlertOwed(const tls::Failure& failure) const;
  bool SendAlert(const tls::Failure& failure);
  void Report(tls::Failure failure);
  Next RefusePlaintext(bool http);

  StreamIo& io_;
  std::shared_ptr<const tls::ServerContexts> contexts_;  // until connection_ has them
  std::unique_ptr<tls::Connection> connection_;          // null until a client begins with TLS
  Endpoints endpoints_;
  const Clock::time_point until_;
  const Clock::time_point started_;
  HandshakeTiming timing_;
  Awaits awaits_ = Awaits::kPeer;
  OperationId awaited_operation_ = 0;                // 0: none
  std::unique_ptr<std::vector<uint8_t>> signature_;  // until its turn to be verified and applied
  int reads_ = 0;                                    // since s2n was last called
  bool not_tls_ = false;                             // a client's server
  bool hello_checked_ = false;
};

// errno of a failed read or write on TCP.
tls::Failure FailureOfDescriptor(int error, const char* system_call);
// The alert that the peer must get for a failure (RFC 8446 section 6.2); -1: none. `unnamed` is for
// a failure of the protocol that names none itself.
int AlertFor(const tls::Failure& failure, int unnamed);

}  // namespace s2npkey::engine
