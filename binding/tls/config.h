// A TLS configuration: a security policy, certificate chains without private keys, and who signs
// for each chain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tls/certificate_chain.h"
#include "tls/local_key.h"
#include "tls/peer_verification.h"
#include "tls/s2n_handles.h"
#include "tls/security_policy.h"
#include "tls/session_tickets.h"

namespace s2npkey::tls {

// A certificate chain for peers, and who signs for it.
struct Identity {
  std::shared_ptr<const CertificateChain> chain;
  // Signs on the engine thread. If absent, the connection stops with a PrivateKeyOperation.
  std::shared_ptr<const LocalKey> local_key;
};

struct ConfigOptions {
  bool client = false;
  bool request_ocsp = false;  // clients only: request a stapled OCSP response
  std::string security_policy = "default";
  VersionRange versions;  // narrows the versions of the policy
  // At most one for each kind of key (RSA, ECDSA). The handshake uses the one that the peer
  // supports.
  std::vector<Identity> identities;
  std::vector<std::string> alpn_protocols;  // in order of preference; empty: no ALPN
  PeerVerification verification;
  SessionTickets tickets;
  bool logs_keys = false;  // see Connection::TakeKeyLog
};

// Immutable. Shared by all connections and threads that use it.
class Config {
 public:
  // Throws Error: ERR_S2N_PKEY_SECURITY_POLICY, ERR_S2N_PKEY_CONFIG.
  static std::shared_ptr<const Config> Create(const ConfigOptions& options);

  s2n_config* get() const noexcept { return config_.get(); }
  const std::vector<Identity>& identities() const noexcept { return identities_; }
  // The index of the identity that s2n chose; identities().size() if it chose none of them.
  size_t IndexOf(const s2n_cert_chain_and_key* chain) const noexcept;
  // The same configuration without its ECDSA identity, for clients that cannot use it; null without
  // another identity.
  const std::shared_ptr<const Config>& without_ecdsa() const noexcept { return without_ecdsa_; }
  // IANA group of the curve of the ECDSA identity; 0 if there is none.
  uint16_t ecdsa_group() const noexcept { return ecdsa_group_; }
  bool offers_tls13() const noexcept { return offers_tls13_; }
  bool uses_alpn() const noexcept { return uses_alpn_; }
  const PeerVerification& verification() const noexcept { return verification_; }
  // The versions that a handshake can negotiate.
  const VersionRange& versions() const noexcept { return versions_; }
  // For a client with several identities: the same configuration with only the identity `index`.
  const Config& with_identity(size_t index) const noexcept { return *alternatives_[index]; }
  // See SessionTickets; 0: no tickets.
  uint32_t session_seconds() const noexcept { return session_seconds_; }

  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

 private:
  enum class Shown : uint8_t { kAll, kAllButEcdsa };
  Config(const ConfigOptions& options, Shown shown);
  void AddIdentities(const std::string& security_policy, Shown shown);

  std::vector<Identity> identities_;  // referenced by config_, so it is declared (and freed) around
  std::shared_ptr<const Config> without_ecdsa_;
  uint16_t ecdsa_group_ = 0;
  bool offers_tls13_ = false;
  bool uses_alpn_;
  PeerVerification verification_;
  uint32_t session_seconds_ = 0;
  VersionRange versions_;
  NarrowedPolicy policy_;  // referenced by config_, too
  std::vector<std::shared_ptr<const Config>> alternatives_;
  ConfigHandle config_;
};

}  // namespace s2npkey::tls
