#include "node/config_object.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "node/certificate_chain_object.h"
#include "node/local_key_object.h"
#include "node/texts.h"
#include "node/trust_store_object.h"
#include "s2n.h"

namespace s2npkey::node {

namespace {

std::vector<tls::Identity> ReadIdentities(const Napi::Value& value) {
  std::vector<tls::Identity> identities;
  if (!value.IsArray()) return identities;
  const Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Object each = list.Get(i).As<Napi::Object>();
    tls::Identity identity;
    identity.chain = CertificateChainObject::From(each.Get("chain"));
    if (!identity.chain) throw Napi::TypeError::New(value.Env(), "Config: no CertificateChain");
    const Napi::Value key = each.Get("localKey");
    if (!key.IsUndefined()) identity.local_key = LocalKeyObject::From(key);
    identities.push_back(std::move(identity));
  }
  return identities;
}

// `{ keys: [{ bytes, since }], sessionSeconds, encryptingSeconds, tls12, ticketsPerHandshake }`.
tls::SessionTickets ReadTickets(const Napi::Value& value) {
  tls::SessionTickets tickets;
  if (!value.IsObject()) return tickets;
  const Napi::Object given = value.As<Napi::Object>();
  const auto number = [](const Napi::Value& each) { return each.As<Napi::Number>().Int64Value(); };
  tickets.session_seconds = static_cast<uint32_t>(number(given.Get("sessionSeconds")));
  tickets.encrypting_seconds = static_cast<uint64_t>(number(given.Get("encryptingSeconds")));
  tickets.tls12 = given.Get("tls12").As<Napi::Boolean>();
  tickets.tickets_per_handshake = static_cast<uint8_t>(number(given.Get("ticketsPerHandshake")));
  const Napi::Array keys = given.Get("keys").As<Napi::Array>();
  for (uint32_t i = 0; i < keys.Length(); i++) {
    const Napi::Object each = keys.Get(i).As<Napi::Object>();
    const Napi::Uint8Array bytes = each.Get("bytes").As<Napi::Uint8Array>();
    tls::TicketKey key;
    if (bytes.ByteLength() != key.name.size() + key.secret.size())
      throw Napi::TypeError::New(value.Env(), "Config: a ticket key has 48 bytes");
    const uint8_t* secret = bytes.Data() + key.name.size();
    std::copy(bytes.Data(), secret, key.name.begin());
    std::copy(secret, secret + key.secret.size(), key.secret.begin());
    key.since = static_cast<uint64_t>(number(each.Get("since")));
    tickets.keys.push_back(key);
  }
  return tickets;
}

// As node:tls names them; no other version is negotiated.
uint8_t ReadVersion(const Napi::Value& name) {
  return name.ToString().Utf8Value() == "TLSv1.3" ? S2N_TLS13 : S2N_TLS12;
}

const char* NameOfVersion(uint8_t version) { return version >= S2N_TLS13 ? "TLSv1.3" : "TLSv1.2"; }

}  // namespace

Napi::Function ConfigObject::Define(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceAccessor("minVersion", &ConfigObject::MinVersion, nullptr),
                      InstanceAccessor("maxVersion", &ConfigObject::MaxVersion, nullptr),
                      InstanceMethod("release", &ConfigObject::Release)});
}

Napi::Value ConfigObject::MinVersion(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), NameOfVersion(lowest_));
}

Napi::Value ConfigObject::MaxVersion(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), NameOfVersion(highest_));
}

void ConfigObject::Release(const Napi::CallbackInfo&) { LetGo(); }

ConfigObject::ConfigObject(const Napi::CallbackInfo& info) : SharedObject(info) {
  const Napi::Object options = info[0].As<Napi::Object>();
  tls::ConfigOptions native;
  native.security_policy = options.Get("securityPolicy").ToString().Utf8Value();
  native.versions = {ReadVersion(options.Get("minVersion")),
                     ReadVersion(options.Get("maxVersion"))};
  native.identities = ReadIdentities(options.Get("identities"));
  native.alpn_protocols = ReadTexts(options.Get("alpnProtocols"));
  native.client = options.Get("client").ToBoolean();
  native.request_ocsp = options.Get("requestOcsp").ToBoolean();
  const Napi::Value verification = options.Get("verification");
  if (verification.IsObject()) {
    const Napi::Object rules = verification.As<Napi::Object>();
    native.verification.trust = TrustStoreObject::From(rules.Get("trust"));
    native.verification.reject_unauthorized = rules.Get("rejectUnauthorized").ToBoolean();
  }
  native.tickets = ReadTickets(options.Get("tickets"));
  native.logs_keys = options.Get("logsKeys").ToBoolean();
  Hold(info, [&] { return tls::Config::Create(native); });
  lowest_ = held()->versions().lowest;
  highest_ = held()->versions().highest;
}

}  // namespace s2npkey::node
