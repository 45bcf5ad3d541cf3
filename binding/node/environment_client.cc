// Environment: what clients ask of the engine, and keying material.
#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <utility>

#include "node/bytes.h"
#include "node/config_object.h"
#include "node/environment.h"

namespace s2npkey::node {

namespace {

// A turn of an engine thread takes some milliseconds. JavaScript stands still meanwhile.
constexpr std::chrono::seconds kAnswerLimit{1};

tls::ClientOptions ReadClientOptions(const Napi::Object& given) {
  tls::ClientOptions options;
  options.config = ConfigObject::From(given.Get("config"));
  options.server_name = given.Get("serverName").ToString().Utf8Value();
  options.verified_name = given.Get("verifiedName").ToString().Utf8Value();
  options.asks = given.Get("asks").ToBoolean();
  const Napi::Value session = given.Get("session");
  if (session.IsTypedArray()) {
    const Napi::Uint8Array bytes = session.As<Napi::Uint8Array>();
    options.session.assign(bytes.Data(), bytes.Data() + bytes.ByteLength());
    const Napi::Array chain = given.Get("sessionChain").As<Napi::Array>();
    for (uint32_t i = 0; i < chain.Length(); i++)
      options.session_chain.push_back(BytesOf(chain.Get(i)));
  }
  return options;
}

}  // namespace

Napi::Value Environment::Connect(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  engine::Descriptor pair(info[1].As<Napi::Number>().Int32Value());
  tls::ClientOptions options = ReadClientOptions(info[2].As<Napi::Object>());
  if (closed_ || !options.config)
    throw Napi::TypeError::New(env, "connect: closed, or no Config given");
  engine::Descriptor tcp(fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0));
  if (!tcp) return Napi::Number::New(env, -errno);
  const std::chrono::milliseconds timeout(info[3].As<Napi::Number>().Int64Value());
  return Begin(env, [&] {
    return engine_->Connect(std::move(tcp), std::move(pair), std::move(options), queue_, timeout);
  });
}

void Environment::Judge(const Napi::CallbackInfo& info) {
  const bool accepted = info[1].ToBoolean();
  Tell(info, [accepted](engine::TlsStream& stream) { stream.Judge(accepted); });
}

void Environment::Cancel(const Napi::CallbackInfo& info) {
  Tell(info, &engine::TlsStream::Abandon);
}

Napi::Value Environment::ExportKeyingMaterial(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto stream = static_cast<engine::StreamId>(info[0].As<Napi::Number>().Int64Value());
  engine::EngineLoop* loop = closed_ ? nullptr : engine_->LoopOf(stream);
  if (!loop) return env.Undefined();
  std::optional<std::vector<uint8_t>> context;
  if (info[3].IsTypedArray()) context = BytesOf(info[3]);
  std::future<memory::SecretBytes> answer =
      loop->ExportKeyingMaterial(stream, info[1].As<Napi::Number>().Uint32Value(),
                                 info[2].ToString().Utf8Value(), std::move(context));
  if (answer.wait_for(kAnswerLimit) != std::future_status::ready) return env.Null();
  const memory::SecretBytes material = answer.get();
  if (material.empty()) return env.Undefined();
  return Napi::Buffer<uint8_t>::Copy(env, material.data(), material.size());
}

}  // namespace s2npkey::node
