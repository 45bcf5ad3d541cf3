// The phase of a server's stream before its handshake, if the server reads PROXY protocol headers.
//
// How it ends:
//
//   a header that is accepted           the handshake, with the client's addresses
//   LOCAL, UNKNOWN                      the same, with the connection's own, from its first byte on
//   no header, and none is required     the same
//   a close before any byte, or after   kFailed (kHealthCheck), which is no error
//     such a header
//   anything else                       kFailed (kProxyProtocol), FIN: no byte is sent
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "engine/endpoints.h"
#include "engine/next_phase.h"
#include "engine/stream_io.h"
#include "proxy/header_parser.h"
#include "proxy/policy.h"

namespace s2npkey::engine {

// What a server asks of a connection before its handshake.
struct ProxyProtocol {
  std::shared_ptr<const proxy::Policy> policy;  // null: nothing
  std::string carrier_host;  // the peer's address, if the descriptor itself has none
  bool asks = false;         // JavaScript, which then admits the client or destroys the stream
};

struct ToHeader {
  ToHandshake then;
  ProxyProtocol proxy;
};

class ReadingHeader {
 public:
  ReadingHeader(StreamIo& io, ToHeader to) noexcept;

  Next Begin();
  Next Drive();
  Next OnDeadline();
  Next OnOutOfMemory();
  Next Fail(tls::Failure failure);
  // The application's answer; ignored unless the stream waits for it.
  Next Admit();

  // For an end that cannot be posted yet.
  Endpoints TakeEndpoints() noexcept { return std::move(then_.endpoints); }

 private:
  enum class Awaits : uint8_t {
    kFirstByte,
    kHeader,     // until its deadline
    kHandshake,  // its first byte, behind a header that may be a health check's
    kAdmission,
  };

  Next Read(const uint8_t* bytes, size_t length);
  Next HeaderDone();
  Next Refuse(const char* name, const std::string& message);
  Next Gone(int error);
  Next Proceed();
  void AwaitHandshake();

  StreamIo& io_;
  ToHandshake then_;
  const ProxyProtocol proxy_;
  const bool trusted_;
  Awaits awaits_ = Awaits::kFirstByte;
  proxy::HeaderParser parser_;
};

}  // namespace s2npkey::engine
