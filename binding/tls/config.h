// A TLS configuration: a security policy, a certificate chain without its private key, and how the
// key is reached.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tls/local_key.h"
#include "tls/s2n_handles.h"
#include "tls/security_policy.h"

namespace keyless::tls {

struct ConfigOptions {
  std::string security_policy = "default";
  std::string certificate_chain_pem;        // leaf first
  std::vector<std::string> alpn_protocols;  // in order of preference; empty: ALPN is not used
  // Signs on the engine's thread. Absent: the operation is handed out (PrivateKeyOperation).
  std::shared_ptr<const LocalKey> local_key;
};

// Immutable once made, and shared by every connection and thread that uses it.
class Config {
 public:
  // Throws Error: ERR_S2N_PKEY_SECURITY_POLICY, ERR_S2N_PKEY_CERTIFICATE_INVALID,
  // ERR_S2N_PKEY_CONFIG.
  static std::shared_ptr<const Config> Create(const ConfigOptions& options);

  s2n_config* get() const noexcept { return config_.get(); }
  const LocalKey* local_key() const noexcept { return local_key_.get(); }
  const CertificateKey& certificate_key() const noexcept { return certificate_key_; }
  bool uses_alpn() const noexcept { return uses_alpn_; }

  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

 private:
  explicit Config(const ConfigOptions& options);

  CertificateKey certificate_key_;
  std::shared_ptr<const LocalKey> local_key_;
  bool uses_alpn_;
  CertificateChainHandle chain_;  // referenced by config_, so it is declared (and freed) around it
  ConfigHandle config_;
};

}  // namespace keyless::tls
