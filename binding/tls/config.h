// A TLS configuration: a security policy, certificate chains without their private keys, and how
// each key is reached.
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

// What a peer is shown, and who signs for it.
struct Identity {
  std::shared_ptr<const CertificateChain> chain;
  // Signs on the engine's thread. Absent: the operation is handed out (PrivateKeyOperation).
  std::shared_ptr<const LocalKey> local_key;
};

struct ConfigOptions {
  bool client = false;
  bool request_ocsp = false;  // a client's: ask for a stapled OCSP response
  std::string security_policy = "default";
  VersionRange versions;  // what is negotiated of those that the policy has
  // At most one for each kind of key (RSA, ECDSA): the handshake takes the one that suits the peer.
  std::vector<Identity> identities;
  std::vector<std::string> alpn_protocols;  // in order of preference; empty: ALPN is not used
  PeerVerification verification;
  SessionTickets tickets;
  bool logs_keys = false;  // see Connection::TakeKeyLog
};

// Immutable once made, and shared by every connection and thread that uses it.
class Config {
 public:
  // Throws Error: ERR_S2N_PKEY_SECURITY_POLICY, ERR_S2N_PKEY_CONFIG.
  static std::shared_ptr<const Config> Create(const ConfigOptions& options);

  s2n_config* get() const noexcept { return config_.get(); }
  const std::vector<Identity>& identities() const noexcept { return identities_; }
  // Which identity s2n chose; identities().size() where it is none of them.
  size_t IndexOf(const s2n_cert_chain_and_key* chain) const noexcept;
  // The same without its ECDSA identity, for clients that could not use that one; null where there
  // is no other identity beside it.
  const std::shared_ptr<const Config>& without_ecdsa() const noexcept { return without_ecdsa_; }
  // IANA group of the ECDSA identity's curve; 0: there is none.
  uint16_t ecdsa_group() const noexcept { return ecdsa_group_; }
  bool offers_tls13() const noexcept { return offers_tls13_; }
  bool uses_alpn() const noexcept { return uses_alpn_; }
  const PeerVerification& verification() const noexcept { return verification_; }
  // Those that a handshake can agree on.
  const VersionRange& versions() const noexcept { return versions_; }
  // A client's that has several identities: the same with the one of this number alone.
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
