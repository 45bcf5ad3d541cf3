#include "node/event_array.h"

#include <string>
#include <variant>

namespace s2npkey::node {

namespace {

// Appends values to one array; strings are Latin-1, since all of them are names of protocols, hosts
// and errors.
class Writer {
 public:
  explicit Writer(Napi::Env env) : env_(env), array_(Napi::Array::New(env)) {}

  void Number(double value) { Set(Napi::Number::New(env_, value)); }
  void Bool(bool value) { Set(Napi::Boolean::New(env_, value)); }
  void Text(const char* text, size_t length) {
    napi_value value = nullptr;
    napi_create_string_latin1(env_, text, length, &value);
    Set(value);
  }
  void Text(const std::string& text) { Text(text.data(), text.size()); }
  void Utf8(const std::string& text) {
    napi_value value = nullptr;
    napi_create_string_utf8(env_, text.data(), text.size(), &value);
    Set(value);
  }
  template <typename Any>
  void Bytes(const Any& bytes) {
    Set(Napi::Buffer<uint8_t>::Copy(env_, bytes.data(), bytes.size()));
  }
  void Address(const engine::Address& address) {
    Text(address.host);
    Number(address.port);
    Number(address.family);
  }
  // An element for the number of those that follow it.
  uint32_t Reserve() {
    Number(0);
    return next_ - 1;
  }
  void Fill(uint32_t reserved) {
    napi_set_element(env_, array_, reserved, Napi::Number::New(env_, next_ - reserved - 1));
  }
  Napi::Array Done() const { return array_; }

 private:
  void Set(napi_value value) { napi_set_element(env_, array_, next_++, value); }

  Napi::Env env_;
  Napi::Array array_;
  uint32_t next_ = 0;
};

void Write(Writer& writer, const tls::Failure& failure) {
  writer.Text(tls::FailureKindName(failure.kind), NAPI_AUTO_LENGTH);
  writer.Text(failure.name);
  writer.Text(failure.message);
  writer.Number(failure.alert);
  writer.Number(failure.system_error);
  writer.Text(failure.system_call, NAPI_AUTO_LENGTH);
}

void Write(Writer& writer, const tls::PeerIdentity& peer) {
  writer.Text(peer.verification.code(), NAPI_AUTO_LENGTH);
  writer.Text(peer.verification.message(), NAPI_AUTO_LENGTH);
  writer.Number(static_cast<double>(peer.chain.size()));
  for (const std::vector<uint8_t>& certificate : peer.chain) writer.Bytes(certificate);
  writer.Bool(!peer.ocsp_response.empty());
  if (!peer.ocsp_response.empty()) writer.Bytes(peer.ocsp_response);
}

// One for each alternative of engine::Event::Body; lib/native/events.ts reads what they write.

void Write(Writer& writer, const engine::SignAsked& asked) {
  writer.Number(static_cast<double>(asked.operation));
  writer.Number(asked.scheme);
  writer.Bytes(asked.input);
  writer.Bytes(asked.transcript_hash);
  writer.Number(static_cast<double>(asked.context));
  writer.Number(static_cast<double>(asked.identity));
  writer.Text(asked.remote.host);
}

void Write(Writer& writer, const engine::Secured& secured) {
  const tls::HandshakeFacts& facts = secured.facts;
  writer.Number(facts.protocol_version);
  writer.Text(facts.cipher, NAPI_AUTO_LENGTH);
  writer.Text(facts.cipher_iana, NAPI_AUTO_LENGTH);
  writer.Text(facts.group, NAPI_AUTO_LENGTH);
  writer.Text(facts.alpn_protocol);
  writer.Text(facts.server_name);
  writer.Number(facts.signature_scheme);
  writer.Bool(facts.resumed);
  writer.Address(secured.endpoints.remote);
  writer.Address(secured.endpoints.local);
  writer.Number(secured.timing.signature_asked);
  writer.Number(secured.timing.signature_applied);
  writer.Number(secured.timing.done);
  writer.Number(static_cast<double>(secured.context));
  writer.Number(static_cast<double>(secured.identity));
  Write(writer, secured.peer);
  writer.Text(secured.key_log);
}

void Write(Writer& writer, const engine::HandshakeFailed& failed) {
  Write(writer, failed.failure);
  writer.Text(failed.server_name);
  writer.Text(failed.alpn_protocol);
  writer.Address(failed.endpoints.remote);
  writer.Address(failed.endpoints.local);
  Write(writer, failed.peer);
  writer.Text(failed.key_log);
}

void Write(Writer& writer, const engine::Broken& broken) {
  Write(writer, broken.failure);
  writer.Bool(broken.after_end);
}

void Write(Writer&, const engine::Closed&) {}

void Write(Writer&, const engine::Truncated&) {}

void Write(Writer& writer, const engine::ClientHelloReceived& hello) {
  writer.Text(hello.server_name);
  writer.Number(static_cast<double>(hello.protocols.size()));
  for (const std::string& protocol : hello.protocols) writer.Text(protocol);
  writer.Bool(hello.asks_ocsp);
}

void Write(Writer& writer, const engine::VerdictAsked& asked) { Write(writer, asked.peer); }

void Write(Writer& writer, const engine::SessionReceived& received) {
  writer.Bytes(received.session);
}

void Write(Writer& writer, const engine::ProxyHeaderRead& read) {
  writer.Number(read.header.version);
  writer.Bool(read.header.local);
  writer.Number(static_cast<double>(read.header.transport));
  writer.Utf8(read.header.source.host);
  writer.Number(read.header.source.port);
  writer.Utf8(read.header.destination.host);
  writer.Number(read.header.destination.port);
  writer.Bytes(read.header.tlvs);
  writer.Address(read.endpoints.remote);
  writer.Address(read.endpoints.local);
  writer.Address(read.balancer.remote);
  writer.Address(read.balancer.local);
}

}  // namespace

Napi::Array ToArray(Napi::Env env, const std::vector<engine::Event>& events) {
  Writer writer(env);
  for (const engine::Event& event : events) {
    writer.Number(static_cast<double>(event.kind()));
    writer.Number(static_cast<double>(event.stream));
    const uint32_t length = writer.Reserve();
    std::visit([&writer](const auto& body) { Write(writer, body); }, event.body);
    writer.Fill(length);
  }
  return writer.Done();
}

}  // namespace s2npkey::node
