// The phases of a stream, and what each takes over from the one before it.
//
//   ReadingHeader (servers that read the PROXY protocol)
//        │
//        ▼
//   Handshaking ──► Open ──► Lingering ──► Ended
//        │            │          ▲
//        └────────────┴► Silent ─┘
//
// Each phase can also go to Ended directly. A phase never replaces itself: its methods return the
// next phase, and TlsStream::Go destroys the old one and enters the new one. So a phase's `this` is
// valid until its method has returned.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "engine/deadlines.h"
#include "engine/endpoints.h"
#include "tls/connection.h"

namespace s2npkey::engine {

class Handshaking;
class Open;
class Silent;
class Lingering;
class Ended;

struct ToHandshake {
  using Phase = Handshaking;
  std::shared_ptr<const tls::ServerContexts> contexts;  // a server's
  std::unique_ptr<tls::Connection> connection;          // a client's; null if memory ran out
  Endpoints endpoints;
  Clock::time_point until = Clock::time_point::max();
};

struct ToOpen {
  using Phase = Open;
  std::unique_ptr<tls::Connection> connection;
  bool http2 = false;
  bool peer_waits = false;  // for the held records of the handshake
};

// The last alert is sent before FIN when an open connection broke.
struct ToSilence {
  using Phase = Silent;
  std::unique_ptr<tls::Connection> connection;  // null after a handshake: no alert
  uint64_t nanoseconds = 0;
  int last_alert = -1;  // -1: none
  bool fin_sent = false;
};

struct ToLinger {
  using Phase = Lingering;
  bool fin_sent = false;
};

struct ToEnd {
  using Phase = Ended;
  Endpoints endpoints;  // of a handshake whose failure could not be posted
};

// Without a value the stream stays in its phase.
using Next = std::optional<std::variant<ToHandshake, ToOpen, ToSilence, ToLinger, ToEnd>>;
inline constexpr std::nullopt_t kStay = std::nullopt;

}  // namespace s2npkey::engine
