// One TLS connection over s2n-tls: handshake, records, close. It knows no descriptor: bytes go
// through a Transport.
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

// Where a connection's records come from and go to. Called on the connection's thread, from within
// its calls.
class Transport {
 public:
  // Like read(2): bytes read, 0 at the end, -1 with errno (EAGAIN: nothing yet).
  virtual ssize_t ReceiveRecords(uint8_t* buffer, uint32_t length) = 0;
  // Takes all of it; what the kernel does not take is kept by the transport.
  virtual void SendRecords(const uint8_t* data, uint32_t length) = 0;

 protected:
  ~Transport() = default;
};

// What was agreed on, captured once when the handshake is done.
struct HandshakeFacts {
  int protocol_version = 0;       // s2n's number: 33 TLS 1.2, 34 TLS 1.3
  const char* cipher = "";        // OpenSSL's name
  const char* cipher_iana = "";   // IANA's name
  const char* group = "";         // the key exchange's group, such as X25519MLKEM768
  std::string alpn_protocol;      // empty: none
  std::string server_name;        // SNI; empty: none
  uint16_t signature_scheme = 0;  // what the certificate's key signed with; 0: resumed
  bool resumed = false;
};

// The peer's certificate, where one was asked for.
struct PeerIdentity {
  std::vector<std::vector<uint8_t>> chain;  // DER: from the peer's own towards an authority
  Verification verification;
  std::vector<uint8_t> ocsp_response;  // DER, stapled by a server that was asked for it
};

// Made, used and destroyed on one thread: the engine thread that owns it.
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

  // Room for a record of any length, as its header may give it (RFC 8446 section 5.1).
  static constexpr size_t kRecordRoom = 65536;

  // `transport` outlives the connection. Null when memory ran out.
  static std::unique_ptr<Connection> CreateServer(std::shared_ptr<const ServerContexts> contexts,
                                                  Transport* transport);
  static std::unique_ptr<Connection> CreateClient(ClientOptions options, Transport* transport);

  // Goes on with the handshake. After kNeedsContext: ChooseContext, then again. After
  // kNeedsSignature: CompleteOperation, then again. After kNeedsVerdict (a client's): AcceptPeer,
  // then again, or never again. After kFailed: never again, and failure() says why.
  Progress Negotiate();

  // The operation the handshake stopped at; null when there is none.
  const PrivateKeyOperation* operation() const noexcept {
    return operation_ ? &*operation_ : nullptr;
  }
  // False: the signature is wrong for this certificate or unusable; failure() says so and the
  // connection is over.
  bool CompleteOperation(const uint8_t* signature, size_t length);

  // After kDone: what was made in that last step is not what the peer waits for. TLS 1.3's session
  // tickets are such; a TLS 1.2 server's Finished is not.
  bool RecordsMayWait() const;

  HandshakeFacts Facts() const;
  // SNI, as soon as the client hello was read; empty: none.
  std::string ServerName() const;
  // By ALPN; empty: none, or not yet.
  std::string ApplicationProtocol() const;
  // The same for ALPN, in the client's order.
  std::vector<std::string> OfferedProtocols() const;
  // Whether the client asks for a stapled OCSP response.
  bool AsksOcsp() const;
  // What the application chose by the client hello. No configuration: the one that is in use. No
  // protocol: by that configuration's own. False: failure() says why.
  bool ChooseContext(std::shared_ptr<const Config> config,
                     const std::optional<std::string>& protocol);
  // What was logged so far for a tool that decrypts the records; lines.
  std::string TakeKeyLog() { return std::move(key_log_); }

  // Decrypts the `length` bytes at `records`, which came, after what came before; the transport
  // tells how they end. `plaintext` is told of what they held, most of it in the same memory, which
  // has kRecordRoom more bytes before and behind them. kEnd: by the peer's close_notify. kMore: by
  // nothing yet, or within a record.
  Received Receive(uint8_t* records, size_t length, Plaintext* plaintext);
  // Encrypts all of `data` into the transport, in `memory` (a copy less), or without any in s2n's
  // own. False: failed.
  bool Send(const uint8_t* data, size_t length, memory::SecretBytes* memory);
  // Sends close_notify (or the alert that s2n holds back until its blinding delay has passed).
  bool SendCloseNotify();

  // How long to stay silent after a failure before closing, in nanoseconds (s2n's blinding against
  // timing oracles).
  uint64_t BlindingDelay() const;
  // After a failure: whether it can depend on a secret, so that the peer may be told nothing before
  // BlindingDelay is over.
  bool FailureIsSecret() const;
  // Sends a fatal alert under the keys in use, instead of what s2n would send. False: none may be
  // sent any more.
  bool SendAlert(uint8_t alert);
  // The alert that a client sent and nobody read before it hung up while the handshake waited: its
  // description, or -1. `first` as for s2npkey_read_pending_alert. Afterwards the handshake can
  // only fail.
  int UnreadAlert(uint8_t first);
  // Gives back the record buffers of an idle connection; they come again by themselves.
  void ReleaseBuffers();
  // Handshake messages are of no use any more once Facts() were taken. From now on s2n asks the
  // transport for no more than it needs, of which much is there already. `config` takes the place
  // of the contexts, so that ticket keys and certificates do not live as long as the connection.
  void EndHandshake(std::shared_ptr<const Config> config);

  // A certificate that waits for a verdict is for the owner to judge, by peer().
  void AcceptPeer();
  const PeerIdentity& peer() const noexcept { return peer_; }
  // Who the peer is, for its owner to keep: known as soon as its certificate has come, once.
  PeerIdentity TakePeer();

  // Sessions to resume that the server has given since the last call. A client's.
  std::vector<memory::SecretBytes> TakeSessions() { return std::exchange(sessions_, {}); }

  // Fills `output` (RFC 5705, RFC 8446 section 7.5). After the handshake. False: it cannot be had.
  bool ExportKeyingMaterial(const std::string& label,
                            const std::optional<std::vector<uint8_t>>& context,
                            memory::SecretBytes* output);

  const Failure& failure() const noexcept { return failure_; }
  const Config& config() const noexcept { return *config_; }
  // The client's ALPN list shares nothing with ours, where both have one: s2n goes on without a
  // protocol, OpenSSL and this package abort (RFC 7301 section 3.2).
  bool HasNoCommonProtocol() const;

  // Whose key is to sign, while operation() is there: a context of the server (its number of them,
  // where the application chose another), and which of its identities.
  size_t context() const noexcept { return context_; }
  size_t identity() const noexcept { return identity_; }

  // s2n's callbacks, set on every configuration. The first keeps the operation for Negotiate to
  // report; the second chooses the configuration for the name that the client asks for.
  static int OnPrivateKeyOperation(s2n_connection* connection, s2n_async_pkey_op* operation);
  static int OnClientHello(s2n_connection* connection, void* unused);
  // Set where keys are logged.
  static int OnKeyLogLine(void* unused, s2n_connection* connection, uint8_t* line, size_t length);

  // s2n's callback, set on every configuration: verifies the peer's chain.
  static int OnPeerCertificate(s2n_connection* connection, s2n_cert_validation_info* info,
                               void* unused);

  // s2n's callback, set on configurations of clients that have several identities: chooses the one
  // to show, by the authorities that the server names and the signatures that it takes.
  static int OnCertificateRequest(s2n_connection* connection, void* unused,
                                  s2n_certificate_request* request);

  // s2n's callback, set on clients' configurations: keeps what a later connection can resume.
  static int OnSessionTicket(s2n_connection* connection, void* unused, s2n_session_ticket* ticket);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Any of these callbacks, for s2n: nothing is thrown through frames of C. What ran out of memory
  // fails.
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
  std::shared_ptr<const ServerContexts> contexts_;  // a server's, until EndHandshake
  std::shared_ptr<const Config> config_;            // the one in use
  ConnectionHandle connection_;
  std::optional<PrivateKeyOperation> operation_;  // destroyed before the connection
  ClientOptions client_;                          // a client's
  PeerIdentity peer_;
  s2n_cert_validation_info* awaited_verdict_ = nullptr;  // s2n's, while the handshake stands at it
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
