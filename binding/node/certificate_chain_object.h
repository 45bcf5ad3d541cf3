// `new CertificateChain(pem, ocspResponse?)`: see NativeCertificateChain in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "tls/certificate_chain.h"

namespace s2npkey::node {

class CertificateChainObject final : public Napi::ObjectWrap<CertificateChainObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit CertificateChainObject(const Napi::CallbackInfo& info);

  // Null when `value` is no CertificateChain of this addon.
  static std::shared_ptr<const tls::CertificateChain> From(const Napi::Value& value);

 private:
  std::shared_ptr<const tls::CertificateChain> chain_;
};

}  // namespace s2npkey::node
