// The phases of a stream on its way out. JavaScript has been told of the end already.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/deadlines.h"
#include "engine/endpoints.h"
#include "engine/intrusive_queue.h"
#include "engine/next_phase.h"
#include "engine/stream_io.h"
#include "tls/connection.h"

namespace s2npkey::engine {

// Failed, and waits for s2n's blinding delay.
class Silent {
 public:
  Silent(StreamIo& io, ToSilence to) noexcept;

  Next Begin();
  Next Drive();
  Next OnDeadline();
  // Too many are silent.
  void EndEarly();

 private:
  StreamIo& io_;
  ToSilence given_;
  IntrusiveQueue<TlsStream>::Link silence_;
};

// Sent everything, and waits for the peer's FIN.
class Lingering {
 public:
  Lingering(StreamIo& io, ToLinger to) noexcept;

  Next Begin();
  Next Drive();
  Next OnDeadline();

 private:
  size_t Unacknowledged() const;

  StreamIo& io_;
  const Clock::time_point since_;
  size_t unacknowledged_ = 0;  // bytes, when the deadline was set
  bool fin_sent_;
};

// Waits to be freed. If memory ran out, it first waits until its end can be posted.
class Ended {
 public:
  Ended(StreamIo& io, ToEnd to) noexcept;

  // Again, if it could not be posted after all.
  Next Begin() noexcept;
  Next Drive() { return kStay; }
  Next OnDeadline() { return kStay; }
  void TellEnd();

 private:
  void Retire() noexcept;

  StreamIo& io_;
  const Endpoints endpoints_;
  IntrusiveQueue<TlsStream>::Link line_;  // of those to be freed, or to tell their end
};

// Sends an alert behind what was written, before FIN; -1: none. It is never close_notify (as s2n
// would send it): the peer would believe that it has everything. After this side's own close_notify
// no alert can follow, and none is needed.
Next SendLastAlert(StreamIo& io, tls::Connection& connection, int alert, bool fin_sent);

}  // namespace s2npkey::engine
