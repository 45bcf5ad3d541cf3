// `new CertificateChain(pem, ocspResponse?)`: see NativeCertificateChain in lib/native/binding.ts.
#pragma once

#include <napi.h>

#include "node/shared_object.h"
#include "tls/certificate_chain.h"

namespace s2npkey::node {

class CertificateChainObject final
    : public SharedObject<CertificateChainObject, const tls::CertificateChain> {
 public:
  static constexpr const char* kName = "CertificateChain";
  static constexpr napi_type_tag kTag = {0xb52d9c1f47e06a38, 0x1e94c7d02f5b8a63};

  explicit CertificateChainObject(const Napi::CallbackInfo& info);
};

}  // namespace s2npkey::node
