// What an engine thread tells an environment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/descriptor.h"
#include "engine/endpoints.h"
#include "memory/secret_bytes.h"
#include "tls/connection.h"
#include "tls/failure.h"

namespace s2npkey::engine {

// Never reused within the process, so what comes late for a connection that is gone finds nobody.
using StreamId = uint64_t;
using OperationId = uint64_t;

// Microseconds since the descriptor was taken over.
struct HandshakeTiming {
  uint32_t signature_asked = 0;
  uint32_t signature_applied = 0;
  uint32_t done = 0;
};

struct Event {
  enum class Kind : uint8_t {
    kSign,    // the handshake stopped at its private-key operation
    kSecure,  // the handshake is done: `descriptor` is the plaintext end, for JavaScript to own
    kFailed,  // the handshake failed; the last event of its stream
    kError,   // an open connection broke: the plaintext end is at its end after this
    kClosed,  // everything JavaScript wrote was handed to TCP or is lost for good; the last event
              // of a stream
    kTruncated,    // the peer's FIN came without close_notify: the end of the plaintext follows
    kClientHello,  // the handshake stopped for the application to choose a context
    kJudge,    // a client's handshake stands at its server's certificate, for JavaScript to judge
    kSession,  // in `input`, what a later connection of a client can resume
  };

  Kind kind = Kind::kClosed;
  StreamId stream = 0;

  // kSign
  OperationId operation = 0;
  uint16_t scheme = 0;
  memory::SecretBytes input;

  // kSign and kSecure
  size_t context = 0;   // of the server's
  size_t identity = 0;  // of the context's: whose key is to sign, or whose certificate was shown

  // kClientHello, beside facts.server_name
  std::vector<std::string> protocols;
  // The same: the client asks for an OCSP response (RFC 6066 section 8).
  bool asks_ocsp = false;

  // kSecure
  Descriptor descriptor;
  tls::HandshakeFacts facts;
  HandshakeTiming timing;

  // kSecure and kFailed
  std::string key_log;  // lines; empty unless the configuration logs keys
  // kSecure and kFailed; the remote one of kSign, too
  Endpoints endpoints;
  // kSecure, kFailed and kJudge
  tls::PeerIdentity peer;

  // kFailed and kError
  tls::Failure failure;
  bool after_end = false;  // kError: all that the peer sent, and its end, were given before it
};

// An environment's end of the engine. Push and Wake are called by engine threads; the sink decides
// how they reach its own thread, and drops what comes after it was closed (with the descriptors
// inside).
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Push(Event&& event) = 0;
  // Once a batch, after its last Push.
  virtual void Wake() = 0;
  // Asked when a stream's plaintext is at its end: whether JavaScript ended it (end(), which sends
  // close_notify), or cut it off (destroy(), or the environment is gone). Said before the end came.
  virtual bool EndedInOrder(StreamId stream) = 0;
  // Whether it says (EngineLoop::Taken) when it has taken a kSecure event's descriptor.
  virtual bool TakesDescriptors() const { return false; }
};

}  // namespace s2npkey::engine
