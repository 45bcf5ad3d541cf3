#include "recording_sink.h"

#include <utility>

namespace s2npkey::fuzz {

namespace {

using Kind = engine::Event::Kind;

const char* WhyWrong(const RecordingSink::Stream& stream, const engine::Event& event) {
  if (stream.ended) return "an event came after the last one";
  switch (event.kind()) {
    case Kind::kSign:
      if (stream.asked) return "a second signature was asked for";
      if (stream.secure) return "a signature was asked for after the handshake";
      if (event.sign().operation == 0 || event.sign().scheme == 0 || event.sign().input.empty())
        return "an operation is not complete";
      return nullptr;
    case Kind::kSecure:
      if (stream.secure) return "a stream was secure twice";
      if (!event.secure().descriptor) return "a secure stream has no descriptor";
      if (event.secure().facts.protocol_version < 33) return "a secure stream has no protocol";
      return nullptr;
    case Kind::kFailed:
      if (stream.secure) return "a handshake failed that was done";
      if (event.failure().kind == tls::FailureKind::kNone || event.failure().message.empty())
        return "a failure has no reason";
      return nullptr;
    case Kind::kError:
      if (!stream.secure) return "an open stream's error came before the handshake was done";
      if (stream.broke) return "a stream broke twice";
      if (event.failure().kind == tls::FailureKind::kNone || event.failure().message.empty())
        return "an error has no reason";
      return nullptr;
    case Kind::kTruncated:
      if (!stream.secure) return "a stream was cut off before the handshake was done";
      if (stream.truncated || stream.broke) return "a stream was cut off after its end";
      return nullptr;
    case Kind::kClientHello:
      return "a server without callbacks asked for a context";
    case Kind::kJudge:
    case Kind::kSession:
      return "a server was told what only clients are";
    case Kind::kProxyHeader:
      return "a server without proxyProtocol read a header";
    case Kind::kClosed:
      return nullptr;
  }
  return "an event of no kind";
}

}  // namespace

void RecordingSink::Push(engine::Event&& event) {
  Stream& stream = streams_[event.stream];
  const char* wrong = WhyWrong(stream, event);
  if (wrong && broken_.empty()) broken_ = wrong;
  unread_++;
  switch (event.kind()) {
    case Kind::kSign:
      stream.asked = true;
      operations_.push_back(std::move(event));
      break;
    case Kind::kSecure:
      stream.secure = true;
      stream.javascript = std::move(event.secure().descriptor);
      break;
    case Kind::kError:
      stream.broke = true;
      break;
    case Kind::kTruncated:
      stream.truncated = true;
      break;
    case Kind::kClientHello:
    case Kind::kJudge:
    case Kind::kSession:
    case Kind::kProxyHeader:
      break;
    case Kind::kFailed:
    case Kind::kClosed:
      stream.ended = true;
      break;
  }
}

std::string RecordingSink::broken() const { return broken_; }

bool RecordingSink::unread() const { return unread_ > 0; }

}  // namespace s2npkey::fuzz
