// Events from an engine thread to an environment.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/descriptor.h"
#include "engine/endpoints.h"
#include "memory/secret_bytes.h"
#include "proxy/header.h"
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
  std::vector<uint8_t> transcript_hash;  // empty in TLS 1.2
  size_t context = 0;                    // of the server's
  size_t identity = 0;                   // of the context's: whose key is to sign
  Address remote;
};

// The handshake is complete.
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

// An open connection failed. The end of the plaintext follows.
struct Broken {
  tls::Failure failure;
  bool after_end = false;  // JavaScript already has all data and the end
};

// TCP has everything that JavaScript wrote, or it is lost. The last event of a stream.
struct Closed {};

// The peer's FIN came without close_notify. The end of the plaintext follows.
struct Truncated {};

// The handshake stopped for the application to choose a context.
struct ClientHelloReceived {
  std::string server_name;
  std::vector<std::string> protocols;
  bool asks_ocsp = false;  // for an OCSP response (RFC 6066 section 8)
};

// A client's handshake waits until JavaScript accepts or refuses the server's certificate.
struct VerdictAsked {
  tls::PeerIdentity peer;
};

// A session that a later connection of a client can resume.
struct SessionReceived {
  memory::SecretBytes session;
};

// The handshake begins, on a server that reads PROXY protocol headers. Before all other events of a
// stream, except that it failed.
struct ProxyHeaderRead {
  proxy::Header header;  // version 0: there is none
  Endpoints endpoints;   // of the client
  Endpoints balancer;    // of the TCP connection
};

struct Event {
  // In the order of the variant. lib/native/events.ts reads the same numbers.
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
    kProxyHeader,
  };
  using Body = std::variant<SignAsked, Secured, HandshakeFailed, Broken, Closed, Truncated,
                            ClientHelloReceived, VerdictAsked, SessionReceived, ProxyHeaderRead>;

  StreamId stream = 0;
  Body body = Closed{};

  Kind kind() const noexcept { return static_cast<Kind>(body.index()); }
  // Throws std::bad_variant_access if the event has another body.
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
  // For a failed handshake, or an open connection that failed.
  const tls::Failure& failure() const {
    return kind() == Kind::kFailed ? As<HandshakeFailed>().failure : As<Broken>().failure;
  }
};

// How JavaScript ends the plaintext of a stream.
enum class Ending {
  kCutOff,   // destroy(), or the environment is gone: a bare FIN
  kInOrder,  // end(): close_notify, then FIN
  kReset,    // resetAndDestroy(): RST
};

// The side of an environment. Engine threads call Push and Wake. The sink passes events to its own
// thread. After it was closed, it drops events and closes their descriptors.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Push(Event&& event) = 0;
  // Called once per batch, after its last Push.
  virtual void Wake() = 0;
  // Called at the end of a stream's plaintext. JavaScript says how it ends before it does: an
  // engine thread may see the end before a command that JavaScript gave earlier.
  virtual Ending EndingOf(StreamId stream) = 0;
  // Whether the environment calls TlsStream::Taken once it has the descriptor of a kSecure event.
  virtual bool TakesDescriptors() const { return false; }
};

}  // namespace s2npkey::engine
