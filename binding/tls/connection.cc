#include "tls/connection.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "s2n/internals.h"
#include "tls/alert_description.h"

namespace s2npkey::tls {

namespace {

int ReceiveCallback(void* context, uint8_t* buffer, uint32_t length) {
  return static_cast<int>(static_cast<Transport*>(context)->ReceiveRecords(buffer, length));
}

// Never returns 0 (s2n would spin): the transport takes everything.
int SendCallback(void* context, const uint8_t* data, uint32_t length) {
  static_cast<Transport*>(context)->SendRecords(data, length);
  return static_cast<int>(length);
}

// For as long as it lives, whatever is thrown meanwhile.
class LentOutput {
 public:
  LentOutput(s2n_connection* connection, memory::SecretBytes* memory)
      : connection_(connection),
        lent_(memory && s2npkey_use_send_buffer(connection, memory->data(),
                                                static_cast<uint32_t>(memory->size()))) {}
  ~LentOutput() {
    if (lent_) s2npkey_release_send_buffer(connection_);
  }
  LentOutput(const LentOutput&) = delete;
  LentOutput& operator=(const LentOutput&) = delete;

 private:
  s2n_connection* connection_;
  const bool lent_;
};

// The same for what is received.
class LentInput {
 public:
  LentInput(s2n_connection* connection, uint8_t* records, size_t length) : connection_(connection) {
    const size_t kept = s2npkey_buffered_input(connection);
    lent_ =
        kept <= Connection::kRecordRoom &&
        s2npkey_use_receive_buffer(connection, records - kept, static_cast<uint32_t>(length),
                                   static_cast<uint32_t>(kept + length + Connection::kRecordRoom));
  }
  ~LentInput() { TakeBack(); }
  explicit operator bool() const noexcept { return lent_; }
  bool TakeBack() {
    return !std::exchange(lent_, false) || s2npkey_release_receive_buffer(connection_);
  }
  LentInput(const LentInput&) = delete;
  LentInput& operator=(const LentInput&) = delete;

 private:
  s2n_connection* connection_;
  bool lent_ = false;
};

}  // namespace

std::unique_ptr<Connection> Connection::Create(s2n_mode mode, std::shared_ptr<const Config> config,
                                               Transport* transport) {
  ConnectionHandle handle(s2n_connection_new(mode));
  if (!handle) return nullptr;
  s2n_connection* connection = handle.get();
  const int failed = s2n_connection_set_config(connection, config->get()) |
                     s2n_connection_set_blinding(connection, S2N_SELF_SERVICE_BLINDING) |
                     s2n_connection_set_recv_cb(connection, ReceiveCallback) |
                     s2n_connection_set_recv_ctx(connection, transport) |
                     s2n_connection_set_send_cb(connection, SendCallback) |
                     s2n_connection_set_send_ctx(connection, transport) |
                     s2n_connection_set_recv_buffering(connection, true) |
                     s2n_connection_prefer_throughput(connection);
  if (failed) return nullptr;
  std::unique_ptr<Connection> result(new Connection(std::move(config), std::move(handle)));
  if (s2n_connection_set_ctx(result->connection_.get(), result.get()) != S2N_SUCCESS)
    return nullptr;
  return result;
}

std::unique_ptr<Connection> Connection::CreateServer(std::shared_ptr<const ServerContexts> contexts,
                                                     Transport* transport) {
  std::unique_ptr<Connection> result = Create(S2N_SERVER, contexts->config(0), transport);
  if (result) {
    result->server_ = true;
    result->contexts_ = std::move(contexts);
  }
  return result;
}

Connection::Connection(std::shared_ptr<const Config> config, ConnectionHandle connection)
    : config_(std::move(config)), connection_(std::move(connection)) {}

int Connection::OnPrivateKeyOperation(s2n_connection* connection, s2n_async_pkey_op* operation) {
  PrivateKeyOperationHandle handle = TakeOver(operation);  // ours on every path
  auto* self = static_cast<Connection*>(s2n_connection_get_ctx(connection));
  if (!self || self->operation_) return S2N_FAILURE;
  self->identity_ = self->config_->IndexOf(s2n_connection_get_selected_cert(connection));
  if (self->identity_ >= self->config_->identities().size()) return S2N_FAILURE;
  self->operation_.emplace(std::move(handle), connection);
  return self->operation_->supported() ? S2N_SUCCESS : S2N_FAILURE;
}

Connection::Progress Connection::Negotiate() {
  for (;;) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    if (s2n_negotiate(connection_.get(), &blocked) == S2N_SUCCESS) return Progress::kDone;
    if (s2n_error_get_type(s2n_errno) != S2N_ERR_T_BLOCKED) {
      // A callback refused the peer, and said why.
      if (failure_.alert >= 0) return Progress::kFailed;
      failure_ = Failure::FromS2n();
      if (out_of_memory_) throw std::bad_alloc();
      if (operation_ && !operation_->supported()) {
        failure_ = Failure::Of(
            FailureKind::kProtocol,
            "the handshake asked for a private-key operation that no signer is asked for: RSA key "
            "exchange, SHA-1 or SHA-224, or ML-DSA for a peer that offers no ML-DSA of that level "
            "(add an identity with an ECDSA key for it)");
        failure_.alert = alert::kHandshakeFailure;
      } else if (failure_.kind == FailureKind::kAlert) {
        failure_.alert = s2n_connection_get_alert(connection_.get());
        if (!contexts_ && failure_.alert == alert::kHandshakeFailure && peer_.chain.empty()) {
          failure_.message =
              "the server shares no cipher suite, group or signature scheme with this client, as "
              "one does whose only certificate has an Ed25519 key: s2n-tls takes RSA, ECDSA "
              "and ML-DSA";
        }
      } else if (failure_.name == "S2N_ERR_MISSING_CLIENT_CERT") {
        NameMissingCertificate();
      }
      return Progress::kFailed;
    }
    if (awaits_context_) return Progress::kNeedsContext;
    if (awaited_verdict_) return Progress::kNeedsVerdict;
    if (!operation_) return Progress::kBlocked;
    signature_scheme_ = operation_->scheme();
    const LocalKey* key = config_->identities()[identity_].local_key.get();
    if (!key) return Progress::kNeedsSignature;
    if (!SignLocally(*key)) return Progress::kFailed;
  }
}

bool Connection::SignLocally(const LocalKey& key) {
  std::vector<uint8_t> signature;
  const std::vector<uint8_t>& input = operation_->input();
  if (!key.Sign(operation_->scheme(), input.data(), input.size(), &signature)) {
    failure_ = Failure::Of(FailureKind::kSignature,
                           "the local key cannot sign with the negotiated scheme");
    operation_.reset();
    return false;
  }
  return CompleteOperation(signature.data(), signature.size());
}

bool Connection::CompleteOperation(const uint8_t* signature, size_t length) {
  if (!operation_) return false;
  const bool applied = operation_->Complete(signature, length);
  if (!applied) {
    failure_ = Failure::FromS2n();
    if (failure_.kind != FailureKind::kResources) {
      failure_.kind = FailureKind::kSignature;
      failure_.message = "the signature does not verify against the certificate's public key";
    }
  }
  operation_.reset();
  return applied;
}

bool Connection::RecordsMayWait() const {
  return server_ && s2n_connection_get_actual_protocol_version(connection_.get()) >= S2N_TLS13;
}

HandshakeFacts Connection::Facts() const {
  s2n_connection* connection = connection_.get();
  const auto text = [](const char* value) { return value ? value : ""; };
  HandshakeFacts facts;
  facts.protocol_version = s2n_connection_get_actual_protocol_version(connection);
  facts.cipher = text(s2n_connection_get_cipher(connection));
  const char* name = nullptr;
  uint8_t iana[2] = {0, 0};
  if (s2n_connection_get_cipher_iana_value(connection, &iana[0], &iana[1]) == S2N_SUCCESS) {
    facts.cipher_iana = text(s2npkey_cipher_iana_name(iana));
  }
  if (s2n_connection_get_key_exchange_group(connection, &name) == S2N_SUCCESS)
    facts.group = text(name);
  facts.alpn_protocol = ApplicationProtocol();
  facts.server_name = ServerName();
  facts.signature_scheme = signature_scheme_;
  facts.resumed = s2n_connection_is_session_resumed(connection) == 1;
  return facts;
}

std::string Connection::ApplicationProtocol() const {
  const char* protocol = s2n_get_application_protocol(connection_.get());
  return protocol ? protocol : "";
}

std::string Connection::ServerName() const {
  const char* name = s2n_get_server_name(connection_.get());
  return name ? name : "";
}

Connection::Received Connection::Receive(uint8_t* records, size_t length, Plaintext* plaintext) {
  LentInput lent(connection_.get(), records, length);
  if (!lent) {
    failure_ = Failure::Of(FailureKind::kInternal, "s2n-tls keeps more than it can have received");
    return Received::kFailed;
  }
  s2npkey_begin_receiving();
  for (;;) {
    uint8_t first = 0;
    uint32_t size = 1;
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    const ssize_t received = s2n_recv(connection_.get(), &first, 1, &blocked);
    if (received <= 0) {
      const Received end = NothingReceived(received);
      if (lent.TakeBack() || end != Received::kMore) return end;
      failure_ = Failure::Of(FailureKind::kResources, "no memory is left");
      return Received::kFailed;
    }
    s2npkey_reset_message_count(connection_.get());
    uint8_t* all = s2npkey_take_plaintext(connection_.get(), first, &size);
    plaintext->Add(all ? all : &first, size);  // which copies what is as small
  }
}

Connection::Received Connection::NothingReceived(ssize_t result) {
  if (result == 0) {
    s2npkey_keep_write_side_open(connection_.get());
    return Received::kEnd;
  }
  if (s2n_error_get_type(s2n_errno) == S2N_ERR_T_BLOCKED) return Received::kMore;
  failure_ = Failure::FromS2n();
  if (out_of_memory_) throw std::bad_alloc();
  if (failure_.kind == FailureKind::kAlert)
    failure_.alert = s2n_connection_get_alert(connection_.get());
  if (failure_.kind == FailureKind::kClosed) s2npkey_keep_write_side_open(connection_.get());
  NameRefusedMessage();
  return Received::kFailed;
}

// Named as OpenSSL names them, with its alerts.
void Connection::NameRefusedMessage() {
  switch (s2npkey_refusal_of(connection_.get())) {
    case S2NPKEY_REFUSED_NOTHING:
      return;
    case S2NPKEY_REFUSED_FLOOD:
      failure_ = Failure::Of(FailureKind::kProtocol,
                             "the peer sends key updates that hold no data, without end");
      failure_.name = "TOO_MANY_KEY_UPDATES";
      failure_.alert = alert::kIllegalParameter;
      return;
    case S2NPKEY_REFUSED_RECORD_BOUNDARY:
      failure_ = Failure::Of(FailureKind::kProtocol,
                             "the peer's key update is not the last message of its record");
      failure_.name = "NOT_ON_RECORD_BOUNDARY";
      failure_.alert = alert::kUnexpectedMessage;
      return;
  }
}

bool Connection::Send(const uint8_t* data, size_t length, memory::SecretBytes* memory) {
  const LentOutput lent(connection_.get(), memory);
  size_t sent = 0;
  while (sent < length) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    const ssize_t taken =
        s2n_send(connection_.get(), data + sent, static_cast<ssize_t>(length - sent), &blocked);
    if (taken < 0) {
      failure_ = Failure::FromS2n();
      return false;
    }
    sent += static_cast<size_t>(taken);
  }
  return true;
}

bool Connection::SendCloseNotify() {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  if (s2n_shutdown_send(connection_.get(), &blocked) != S2N_SUCCESS) return false;
  s2npkey_keep_read_side_open(connection_.get());
  return true;
}

uint64_t Connection::BlindingDelay() const { return s2n_connection_get_delay(connection_.get()); }

bool Connection::FailureIsSecret() const {
  // An alert of the peer's was found genuine, and nothing is sent after it; a descriptor that
  // failed has nothing to do with keys.
  if (BlindingDelay() == 0 || failure_.kind == FailureKind::kAlert ||
      failure_.kind == FailureKind::kReset)
    return false;
  // Read from records that were found genuine.
  if (s2npkey_refusal_of(connection_.get()) != S2NPKEY_REFUSED_NOTHING) return false;
  if (failure_.name == "S2N_ERR_BAD_PSK_BINDER") return true;  // checked with a ticket's secret
  // A certificate is judged when its record has been decrypted and found genuine.
  if (failure_.name.rfind("S2N_ERR_CERT_", 0) == 0) return false;
  return !s2npkey_reads_plaintext(connection_.get());
}

bool Connection::SendAlert(uint8_t alert) { return s2npkey_send_alert(connection_.get(), alert); }

void Connection::ReleaseBuffers() { s2n_connection_release_buffers(connection_.get()); }

void Connection::EndHandshake(std::shared_ptr<const Config> config) {
  s2n_connection_free_handshake(connection_.get());
  s2n_connection_set_recv_buffering(connection_.get(), false);
  if (s2n_connection_set_config(connection_.get(), config->get()) != S2N_SUCCESS) return;
  config_ = std::move(config);
  contexts_.reset();
  client_ = ClientOptions();  // wipes the session that was offered
}

int Connection::UnreadAlert(uint8_t first) {
  return s2npkey_read_pending_alert(connection_.get(), first);
}

bool Connection::HasNoCommonProtocol() const {
  if (!server_) return false;
  if (!config_->uses_alpn() || s2n_get_application_protocol(connection_.get())) return false;
  s2n_client_hello* hello = s2n_connection_get_client_hello(connection_.get());
  return hello && s2n_client_hello_get_extension_length(hello, S2N_EXTENSION_ALPN) > 0;
}

}  // namespace s2npkey::tls
