// Owning handles for objects of s2n-tls, so that each is freed exactly once on every path.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "s2n.h"

namespace s2npkey::tls {

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
// Private-key operations of the whole process that are not freed yet. It is constant-initialized
// and trivially destructible, so threads can use it while the process exits.
inline std::atomic<uint64_t> outstanding_operations{0};
struct FreePrivateKeyOperation {
  void operator()(s2n_async_pkey_op* operation) const noexcept {
    s2n_async_pkey_op_free(operation);
    outstanding_operations.fetch_sub(1, std::memory_order_relaxed);
  }
};

using ConfigHandle = std::unique_ptr<s2n_config, FreeConfig>;
using ConnectionHandle = std::unique_ptr<s2n_connection, FreeConnection>;
using CertificateChainHandle = std::unique_ptr<s2n_cert_chain_and_key, FreeCertificateChain>;
using PrivateKeyOperationHandle = std::unique_ptr<s2n_async_pkey_op, FreePrivateKeyOperation>;

inline PrivateKeyOperationHandle TakeOver(s2n_async_pkey_op* operation) {
  outstanding_operations.fetch_add(1, std::memory_order_relaxed);
  return PrivateKeyOperationHandle(operation);
}

}  // namespace s2npkey::tls
