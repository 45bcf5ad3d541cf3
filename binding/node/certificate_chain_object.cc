#include "node/certificate_chain_object.h"

#include <string>
#include <vector>

#include "node/bytes.h"

namespace s2npkey::node {

CertificateChainObject::CertificateChainObject(const Napi::CallbackInfo& info)
    : SharedObject(info) {
  std::vector<uint8_t> ocsp_response;
  if (info[1].IsTypedArray()) ocsp_response = BytesOf(info[1]);
  const std::string pem = info[0].ToString();
  Hold(info, [&] { return tls::CertificateChain::Create(pem, ocsp_response); });
}

}  // namespace s2npkey::node
