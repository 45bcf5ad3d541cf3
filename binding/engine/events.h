// Events from an engine thread to an environment.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/descriptor.h"
#include "engine/endpoints.h"
#include "memory/secret_bytes.h"
#include "tls/connection.h"
#include "tls/failure.h"

namespace s2npkey::engine {

// Never reused within the process, so a late command for a closed connection finds no stream.
using StreamId = uint64_t;
using OperationId = uint64_t;

// Microseconds since the engine took over the descriptor.
struct HandshakeTiming {
  uint32_t signature_asked = 0;
  uint32_t signature_applied = 0;
  uint32_t done = 0;
};

// The handshake stopped at its private-key operation.
struct SignAsked {
  OperationId operation = 0;
  uint16_t scheme = 0;
  memory::SecretBytes input;
  size_t context = 0;   // of the server's
  size_t identity = 0;  // of the context's: whose key is to sign
  Address remote;
};

// The handshake is done.
struct Secured {
  Descriptor descriptor;  // the plaintext end, for JavaScript to own; a client
                          // has it already
  tls::HandshakeFacts facts;
  HandshakeTiming timing;
  size_t context = 0;   // of the server's
  size_t identity = 0;  // of the context's: whose certificate was shown
  Endpoints endpoints;
  tls::PeerIdentity peer;
  std::string key_log;  // lines; empty unless the configuration logs keys
};

// The handshake failed. The last event of its stream.
struct HandshakeFailed {
  tls::Failure failure;
  std::string server_name;
  std::string alpn_protocol;
  Endpoints endpoints;
  tls::PeerIdentity peer;
  std::string key_log;
};

// An open connection broke. The plaintext end is at its end after this.
struct Broken {
  tls::Failure failure;
  bool after_end = false;  // all that the peer sent, and its end, were given before it
};

// Everything JavaScript wrote was handed to TCP, or is lost for good. The last event of a stream.
struct Closed {};

// The peer's FIN came without close_notify. The end of the plaintext follows.
struct Truncated {};

// The handshake stopped for the application to choose a context.
struct ClientHelloReceived {
  std::string server_name;
  std::vector<std::string> protocols;
  bool asks_ocsp = false;  // for an OCSP response (RFC 6066 section 8)
};

// A client's handshake stands at its server's certificate, for JavaScript to judge.
struct VerdictAsked {
  tls::PeerIdentity peer;
};

// What a later connection of a client can resume.
struct SessionReceived {
  memory::SecretBytes session;
};

struct Event {
  // As the variant orders them, and lib/native/events.ts reads them.
  enum class Kind : uint8_t {
    kSign,
    kSecure,
    kFailed,
    kError,
    kClosed,
    kTruncated,
    kClientHello,
    kJudge,
    kSession,
  };
  using Body = std::variant<SignAsked, Secured, HandshakeFailed, Broken, Closed, Truncated,
                            ClientHelloReceived, VerdictAsked, SessionReceived>;

  StreamId stream = 0;
  Body body = Closed{};

  Kind kind() const noexcept { return static_cast<Kind>(body.index()); }
  // Only of an event that has it. A wrong one throws std::bad_variant_access.
  template <typename Part>
  const Part& As() const {
    return std::get<Part>(body);
  }
  template <typename Part>
  Part& As() {
    return std::get<Part>(body);
  }
  const SignAsked& sign() const { return As<SignAsked>(); }
  Secured& secure() { return As<Secured>(); }
  const Secured& secure() const { return As<Secured>(); }
  // Of a handshake that failed, or a connection that broke.
  const tls::Failure& failure() const {
    return kind() == Kind::kFailed ? As<HandshakeFailed>().failure : As<Broken>().failure;
  }
};

// An environment's end of the engine. Engine threads call Push and Wake. The sink passes events to
// its own thread, and drops events that come after it was closed, closing their descriptors.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Push(Event&& event) = 0;
  // Called once per batch, after its last Push.
  virtual void Wake() = 0;
  // Called at the end of a stream's plaintext: whether JavaScript ended it (end(), which sends
  // close_notify) or cut it off (destroy(), or the environment is gone). JavaScript sets this
  // first.
  virtual bool EndedInOrder(StreamId stream) = 0;
  // Whether it says (TlsStream::Taken) when it has taken a kSecure event's descriptor.
  virtual bool TakesDescriptors() const { return false; }
};

}  // namespace s2npkey::engine
