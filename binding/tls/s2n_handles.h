// Owning handles of s2n-tls objects: each is freed exactly once, on every path.
#pragma once

#include <memory>

#include "s2n.h"

namespace keyless::tls {

struct FreeConfig {
  void operator()(s2n_config* config) const noexcept { s2n_config_free(config); }
};
struct FreeConnection {
  void operator()(s2n_connection* connection) const noexcept { s2n_connection_free(connection); }
};
struct FreeCertificateChain {
  void operator()(s2n_cert_chain_and_key* chain) const noexcept {
    s2n_cert_chain_and_key_free(chain);
  }
};
struct FreePrivateKeyOperation {
  void operator()(s2n_async_pkey_op* operation) const noexcept {
    s2n_async_pkey_op_free(operation);
  }
};

using ConfigHandle = std::unique_ptr<s2n_config, FreeConfig>;
using ConnectionHandle = std::unique_ptr<s2n_connection, FreeConnection>;
using CertificateChainHandle = std::unique_ptr<s2n_cert_chain_and_key, FreeCertificateChain>;
using PrivateKeyOperationHandle = std::unique_ptr<s2n_async_pkey_op, FreePrivateKeyOperation>;

}  // namespace keyless::tls
