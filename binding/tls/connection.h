// One TLS connection over s2n-tls: handshake, records, close. It has no descriptor: it reads and
// writes records through a Transport.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "memory/secret_bytes.h"
#include "tls/client_options.h"
#include "tls/config.h"
#include "tls/failure.h"
#include "tls/plaintext.h"
#include "tls/private_key_operation.h"
#include "tls/s2n_handles.h"
#include "tls/server_contexts.h"

struct s2n_cert_validation_info;
struct s2n_certificate_request;

namespace s2npkey::tls {

// Receives and sends the records of a connection. Called on the connection's thread, during calls
// of its methods.
class Transport {
 public:
  // Like read(2): returns the bytes read, 0 at the end, or -1 with errno (EAGAIN: nothing yet).
  virtual ssize_t ReceiveRecords(uint8_t* buffer, uint32_t length) = 0;
  // Takes all `length` bytes. The transport keeps those that the kernel does not take.
  virtual void SendRecords(const uint8_t* data, uint32_t length) = 0;

 protected:
  ~Transport() = default;
};

// What both sides negotiated, captured once when the handshake is complete.
struct HandshakeFacts {
  int protocol_version = 0;       // s2n's number: 33 is TLS 1.2, 34 is TLS 1.3
  const char* cipher = "";        // OpenSSL's name
  const char* cipher_iana = "";   // IANA's name
  const char* group = "";         // of the key exchange, such as X25519MLKEM768
  std::string alpn_protocol;      // empty: none
  std::string server_name;        // SNI; empty: none
  uint16_t signature_scheme = 0;  // IANA code of the signature; 0: resumed
  bool resumed = false;
};

// The certificate of a peer, if one was requested.
struct PeerIdentity {
  std::vector<std::vector<uint8_t>> chain;  // DER, from the peer's own to an authority
  Verification verification;
  std::vector<uint8_t> ocsp_response;  // DER, stapled by a server if it was requested
};

// Created, used and destroyed on one thread: the engine thread that owns it.
class Connection {
 public:
  enum class Progress : uint8_t {
    kDone,
    kBlocked,
    kNeedsContext,
    kNeedsSignature,
    kNeedsVerdict,
    kFailed
  };
  enum class Received : uint8_t { kMore, kEnd, kFailed };

  // Enough for a record of any length that its 16-bit header field can state (RFC 8446
  // section 5.1).
  static constexpr size_t kRecordRoom = 65536;

  // `transport` must outlive the connection. Returns null if memory runs out.
  static std::unique_ptr<Connection> CreateServer(std::shared_ptr<const ServerContexts> contexts,
                                                  Transport* transport);
  static std::unique_ptr<Connection> CreateClient(ClientOptions options, Transport* transport);

  // Continues the handshake. Call it again after kNeedsContext and ChooseContext, after
  // kNeedsSignature and CompleteOperation, and after kNeedsVerdict (clients only) and AcceptPeer.
  // Never call it again after kFailed; failure() has the reason.
  Progress Negotiate();

  // The operation that the handshake waits for; null if there is none.
  const PrivateKeyOperation* operation() const noexcept {
    return operation_ ? &*operation_ : nullptr;
  }
  // Verifies and uses the signature. Returns false if it does not verify with the certificate or is
  // unusable. The connection is over then, and failure() has the reason.
  bool CompleteOperation(const uint8_t* signature, size_t length);

  // After kDone: whether the records of the last step may be delayed, because the peer does not
  // wait for them: session tickets of TLS 1.3, but not the Finished of a TLS 1.2 server.
  bool RecordsMayWait() const;

  // Valid after kDone.
  HandshakeFacts Facts() const;
  // The SNI name, once the client hello was read; empty if there is none.
  std::string ServerName() const;
  // The protocol selected by ALPN; empty if there is none, or none yet.
  std::string ApplicationProtocol() const;
  // The ALPN protocols that the client offers, in its order.
  std::vector<std::string> OfferedProtocols() const;
  // Whether the client requests a stapled OCSP response (RFC 6066 section 8).
  bool AsksOcsp() const;
  // Applies what the application chose after the client hello. Without `config` the current one
  // stays; without `protocol` the protocols of the configuration apply. Returns false on failure,
  // with the reason in failure().
  bool ChooseContext(std::shared_ptr<const Config> config,
                     const std::optional<std::string>& protocol);
  // Takes the key log lines so far, in the format of NSS.
  std::string TakeKeyLog() { return std::move(key_log_); }

  // Decrypts the `length` bytes at `records`, which continue the bytes received before. Adds the
  // plaintext to `plaintext`, most of it in the same memory, which must have kRecordRoom more bytes
  // before and after `records`. Returns kEnd after the peer's close_notify, and kMore if more
  // records can follow. At the end of the bytes, the transport says whether the peer has ended.
  Received Receive(uint8_t* records, size_t length, Plaintext* plaintext);
  // Encrypts all of `data` and sends it. Encrypts in `memory`, which saves a copy, or in s2n's own
  // buffer if `memory` is null. Returns false on failure.
  bool Send(const uint8_t* data, size_t length, memory::SecretBytes* memory);
  // Sends close_notify, or the alert that s2n holds back until its blinding delay has passed.
  bool SendCloseNotify();

  // How long to stay silent after a failure before closing, in nanoseconds: s2n's blinding, which
  // hides the time of decryption from attackers.
  uint64_t BlindingDelay() const;
  // After a failure: whether it can depend on a secret. Then nothing may be sent before
  // BlindingDelay is over.
  bool FailureIsSecret() const;
  // Sends a fatal alert under the current keys, instead of the one that s2n would send. Returns
  // false if no alert may be sent any more.
  bool SendAlert(uint8_t alert);
  // For a client that left while the handshake waited: the description of an alert that it sent and
  // that was not read yet, or -1. `first` as for s2npkey_read_pending_alert. Afterwards the
  // handshake can only fail.
  int UnreadAlert(uint8_t first);
  // Frees the record buffers of an idle connection. s2n allocates them again when it needs them.
  void ReleaseBuffers();
  // Frees the handshake's memory; call it after Facts(). From now on s2n reads from the transport
  // only as much as it needs, because the transport has buffered records already. `config` replaces
  // the contexts, so that ticket keys and certificates do not live as long as the connection.
  void EndHandshake(std::shared_ptr<const Config> config);

  // Accepts the certificate that kNeedsVerdict asked about; peer() has it.
  void AcceptPeer();
  const PeerIdentity& peer() const noexcept { return peer_; }
  // Takes the peer's identity, which is known once its certificate was received. Call it once.
  PeerIdentity TakePeer();

  // Clients only: takes the resumable sessions that the server has issued since the last call.
  std::vector<memory::SecretBytes> TakeSessions() { return std::exchange(sessions_, {}); }

  // Fills `output` (RFC 5705, RFC 8446 section 7.5) after the handshake. Returns false on failure.
  bool ExportKeyingMaterial(const std::string& label,
                            const std::optional<std::vector<uint8_t>>& context,
                            memory::SecretBytes* output);

  const Failure& failure() const noexcept { return failure_; }
  const Config& config() const noexcept { return *config_; }
  // Whether both sides have ALPN lists without a common protocol. s2n continues without a protocol
  // then; OpenSSL and this package abort (RFC 7301 section 3.2).
  bool HasNoCommonProtocol() const;

  // Whose key must sign while there is an operation(): the index of the server's context, or the
  // number of contexts if the application chose another one, and the index of the identity in it.
  size_t context() const noexcept { return context_; }
  size_t identity() const noexcept { return identity_; }

  // s2n's callbacks, set on every configuration. The first stores the operation, which Negotiate
  // reports. The second chooses the configuration for the name that the client asks for.
  static int OnPrivateKeyOperation(s2n_connection* connection, s2n_async_pkey_op* operation);
  static int OnClientHello(s2n_connection* connection, void* unused);
  // s2n's callback, set if the configuration logs keys.
  static int OnKeyLogLine(void* unused, s2n_connection* connection, uint8_t* line, size_t length);

  // s2n's callback, set on every configuration: verifies the peer's chain.
  static int OnPeerCertificate(s2n_connection* connection, s2n_cert_validation_info* info,
                               void* unused);

  // s2n's callback, set on configurations of clients with several identities: chooses one by the
  // authorities that the server names and the signature schemes that it supports.
  static int OnCertificateRequest(s2n_connection* connection, void* unused,
                                  s2n_certificate_request* request);

  // s2n's callback, set on configurations of clients: stores sessions that can be resumed.
  static int OnSessionTicket(s2n_connection* connection, void* unused, s2n_session_ticket* ticket);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Wraps a callback for s2n, because no exception may pass through C code. The callback fails if
  // memory runs out.
  template <auto kCallback>
  struct Safely;

 private:
  static std::unique_ptr<Connection> Create(s2n_mode mode, std::shared_ptr<const Config> config,
                                            Transport* transport);
  Connection(std::shared_ptr<const Config> config, ConnectionHandle connection);
  bool SignLocally(const LocalKey& key);
  Received NothingReceived(ssize_t result);
  void NameRefusedMessage();
  bool RefuseHello();
  bool UseContextFor(const std::string& server_name);
  std::shared_ptr<const Config> Suitable(std::shared_ptr<const Config> config) const;
  std::vector<uint16_t> HelloList(s2n_tls_extension_type type, size_t length_bytes) const;
  std::vector<uint8_t> HelloExtension(s2n_tls_extension_type type) const;
  bool Use(std::shared_ptr<const Config> config);
  bool LimitSession();
  bool AcceptsPeer();
  bool KnowsPeerKey(X509* certificate);
  void NameMissingCertificate();
  bool NeedsVerdict(X509* certificate) const;
  void OfferSession();

  bool server_ = false;
  std::shared_ptr<const ServerContexts> contexts_;  // servers only, until EndHandshake
  std::shared_ptr<const Config> config_;            // the one in use
  ConnectionHandle connection_;
  std::optional<PrivateKeyOperation> operation_;  // destroyed before the connection
  ClientOptions client_;                          // clients only, until EndHandshake
  PeerIdentity peer_;
  s2n_cert_validation_info* awaited_verdict_ = nullptr;  // s2n's, while the handshake waits for it
  std::vector<memory::SecretBytes> sessions_;
  Failure failure_;
  uint16_t signature_scheme_ = 0;
  size_t context_ = 0;
  size_t identity_ = 0;
  bool awaits_context_ = false;
  bool out_of_memory_ = false;  // within a callback
  std::string key_log_;
};

template <typename... Rest, int (*kCallback)(s2n_connection*, Rest...)>
struct Connection::Safely<kCallback> {
  static int Call(s2n_connection* connection, Rest... rest) noexcept {
    try {
      return kCallback(connection, rest...);
    } catch (const std::bad_alloc&) {
      auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
      if (self) self->out_of_memory_ = true;
      return S2N_FAILURE;
    }
  }
};

}  // namespace s2npkey::tls
