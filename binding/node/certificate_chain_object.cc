#include "node/certificate_chain_object.h"

#include <vector>

#include "node/bytes.h"
#include "node/errors.h"
#include "tls/error.h"

namespace s2npkey::node {

namespace {

constexpr napi_type_tag kChainTag = {0xb52d9c1f47e06a38, 0x1e94c7d02f5b8a63};

}  // namespace

Napi::Function CertificateChainObject::Define(Napi::Env env) {
  return DefineClass(env, "CertificateChain", {});
}

CertificateChainObject::CertificateChainObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<CertificateChainObject>(info) {
  try {
    std::vector<uint8_t> ocsp_response;
    if (info[1].IsTypedArray()) ocsp_response = BytesOf(info[1]);
    chain_ = tls::CertificateChain::Create(info[0].ToString().Utf8Value(), ocsp_response);
  } catch (const tls::Error& error) {
    throw ToNapiError(info.Env(), error);
  }
  info.This().As<Napi::Object>().TypeTag(&kChainTag);
}

std::shared_ptr<const tls::CertificateChain> CertificateChainObject::From(
    const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kChainTag)) return nullptr;
  return Napi::ObjectWrap<CertificateChainObject>::Unwrap(value.As<Napi::Object>())->chain_;
}

}  // namespace s2npkey::node
