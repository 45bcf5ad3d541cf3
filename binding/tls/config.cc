#include "tls/config.h"

#include "tls/connection.h"
#include "tls/error.h"
#include "tls/library.h"

namespace keyless::tls {

namespace {

void Check(int result, const char* code, const char* what) {
  if (result == S2N_SUCCESS) return;
  const int error = s2n_errno;
  throw Error(code, std::string(what) + ": " + s2n_strerror(error, "EN") + " (" +
                        s2n_strerror_name(error) + ")");
}

}  // namespace

std::shared_ptr<const Config> Config::Create(const ConfigOptions& options) {
  InitializeLibrary();
  return std::shared_ptr<const Config>(
      new Config(options));  // owned at once; the constructor is private
}

Config::Config(const ConfigOptions& options)
    : certificate_key_(CertificateKey::OfChain(options.certificate_chain_pem)),
      local_key_(options.local_key),
      uses_alpn_(!options.alpn_protocols.empty()),
      chain_(s2n_cert_chain_and_key_new()),
      config_(s2n_config_new_minimal()) {
  if (!chain_ || !config_) throw Error("ERR_S2N_PKEY_CONFIG", "no memory for a TLS configuration");
  CheckSecurityPolicy(options.security_policy, certificate_key_);

  // s2n takes the chain as mutable bytes and only reads them.
  std::string pem = options.certificate_chain_pem;
  Check(
      s2n_cert_chain_and_key_load_public_pem_bytes(
          chain_.get(), reinterpret_cast<uint8_t*>(pem.data()), static_cast<uint32_t>(pem.size())),
      "ERR_S2N_PKEY_CERTIFICATE_INVALID",
      "cert: expected a PEM certificate chain, the server's own certificate first");

  s2n_config* config = config_.get();
  constexpr char kFailed[] = "ERR_S2N_PKEY_CONFIG";
  // The callback comes before the certificate and before any connection sees the configuration:
  // without it s2n refuses a chain that has no private key.
  Check(s2n_config_set_async_pkey_callback(config, Connection::OnPrivateKeyOperation), kFailed,
        "private-key callback");
  // A remote signer's answer is checked against the certificate before anything is sent. A local
  // key's needs no such check, which would cost more than the signature: that they belong together
  // was checked when they were given.
  Check(s2n_config_set_async_pkey_validation_mode(config, options.local_key
                                                              ? S2N_ASYNC_PKEY_VALIDATION_FAST
                                                              : S2N_ASYNC_PKEY_VALIDATION_STRICT),
        kFailed, "signature validation");
  const std::string policy =
      "security policy '" + options.security_policy + "' and this certificate";
  Check(s2n_config_set_cipher_preferences(config, options.security_policy.c_str()),
        "ERR_S2N_PKEY_SECURITY_POLICY", policy.c_str());
  Check(s2n_config_add_cert_chain_and_key_to_store(config, chain_.get()),
        "ERR_S2N_PKEY_SECURITY_POLICY", policy.c_str());

  if (uses_alpn_) {
    std::vector<const char*> protocols;
    for (const std::string& protocol : options.alpn_protocols)
      protocols.push_back(protocol.c_str());
    Check(s2n_config_set_protocol_preferences(config, protocols.data(),
                                              static_cast<int>(protocols.size())),
          kFailed, "ALPNProtocols");
  }
}

}  // namespace keyless::tls
