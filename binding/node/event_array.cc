#include "node/event_array.h"

#include <string>

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
  template <typename Any>
  void Bytes(const Any& bytes) {
    Set(Napi::Buffer<uint8_t>::Copy(env_, bytes.data(), bytes.size()));
  }
  void Address(const engine::Address& address) {
    Text(address.host);
    Number(address.port);
    Number(address.family);
  }
  Napi::Array Done() const { return array_; }

 private:
  void Set(napi_value value) { napi_set_element(env_, array_, next_++, value); }

  Napi::Env env_;
  Napi::Array array_;
  uint32_t next_ = 0;
};

void WriteFailure(Writer& writer, const tls::Failure& failure) {
  writer.Text(tls::FailureKindName(failure.kind), NAPI_AUTO_LENGTH);
  writer.Text(failure.name);
  writer.Text(failure.message);
  writer.Number(failure.alert);
  writer.Number(failure.system_error);
  writer.Text(failure.system_call, NAPI_AUTO_LENGTH);
}

void WritePeer(Writer& writer, const tls::PeerIdentity& peer) {
  writer.Text(peer.verification.code(), NAPI_AUTO_LENGTH);
  writer.Text(peer.verification.message(), NAPI_AUTO_LENGTH);
  writer.Number(static_cast<double>(peer.chain.size()));
  for (const std::vector<uint8_t>& certificate : peer.chain) writer.Bytes(certificate);
  writer.Bool(!peer.ocsp_response.empty());
  if (!peer.ocsp_response.empty()) writer.Bytes(peer.ocsp_response);
}

void WriteSecure(Writer& writer, const engine::Event& event) {
  const tls::HandshakeFacts& facts = event.facts;
  writer.Number(facts.protocol_version);
  writer.Text(facts.cipher, NAPI_AUTO_LENGTH);
  writer.Text(facts.cipher_iana, NAPI_AUTO_LENGTH);
  writer.Text(facts.group, NAPI_AUTO_LENGTH);
  writer.Text(facts.alpn_protocol);
  writer.Text(facts.server_name);
  writer.Number(facts.signature_scheme);
  writer.Bool(facts.resumed);
  writer.Address(event.endpoints.remote);
  writer.Address(event.endpoints.local);
  writer.Number(event.timing.signature_asked);
  writer.Number(event.timing.signature_applied);
  writer.Number(event.timing.done);
  writer.Number(static_cast<double>(event.context));
  writer.Number(static_cast<double>(event.identity));
  WritePeer(writer, event.peer);
  writer.Text(event.key_log);
}

}  // namespace

Napi::Array ToArray(Napi::Env env, const std::vector<engine::Event>& events) {
  Writer writer(env);
  for (const engine::Event& event : events) {
    writer.Number(static_cast<double>(event.kind));
    writer.Number(static_cast<double>(event.stream));
    switch (event.kind) {
      case engine::Event::Kind::kSign:
        writer.Number(static_cast<double>(event.operation));
        writer.Number(event.scheme);
        writer.Bytes(event.input);
        writer.Number(static_cast<double>(event.context));
        writer.Number(static_cast<double>(event.identity));
        writer.Text(event.endpoints.remote.host);
        break;
      case engine::Event::Kind::kSecure:
        WriteSecure(writer, event);
        break;
      case engine::Event::Kind::kFailed:
        WriteFailure(writer, event.failure);
        writer.Text(event.facts.server_name);
        writer.Text(event.facts.alpn_protocol);
        writer.Address(event.endpoints.remote);
        writer.Address(event.endpoints.local);
        WritePeer(writer, event.peer);
        writer.Text(event.key_log);
        break;
      case engine::Event::Kind::kClientHello:
        writer.Text(event.facts.server_name);
        writer.Number(static_cast<double>(event.protocols.size()));
        for (const std::string& protocol : event.protocols) writer.Text(protocol);
        writer.Bool(event.asks_ocsp);
        break;
      case engine::Event::Kind::kError:
        WriteFailure(writer, event.failure);
        writer.Bool(event.after_end);
        break;
      case engine::Event::Kind::kJudge:
        WritePeer(writer, event.peer);
        break;
      case engine::Event::Kind::kSession:
        writer.Bytes(event.input);
        break;
      case engine::Event::Kind::kClosed:
      case engine::Event::Kind::kTruncated:
        break;
    }
  }
  return writer.Done();
}

}  // namespace s2npkey::node
