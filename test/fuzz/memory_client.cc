#include "memory_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "protected_record.h"
#include "s2n/internals.h"

namespace s2npkey::fuzz {

MemoryClient::MemoryClient(engine::Descriptor tcp, ClientKind kind, bool asks_for_name,
                           bool offers_alpn)
    : tcp_(std::move(tcp)), connection_(s2n_connection_new(S2N_CLIENT)) {
  s2n_connection* connection = connection_.get();
  const char* const protocols[] = {"h2", "http/1.1"};
  if (s2n_connection_set_config(connection, ClientConfigOf(kind)) ||
      s2n_connection_set_blinding(connection, S2N_SELF_SERVICE_BLINDING) ||
      s2n_connection_set_recv_cb(connection, ReceiveCallback) ||
      s2n_connection_set_recv_ctx(connection, this) ||
      s2n_connection_set_send_cb(connection, SendCallback) ||
      s2n_connection_set_send_ctx(connection, this) ||
      (asks_for_name && s2n_set_server_name(connection, kServerName)) ||
      (offers_alpn && s2n_connection_set_protocol_preferences(connection, protocols, 2))) {
    std::abort();
  }
}

int MemoryClient::ReceiveCallback(void* context, uint8_t* buffer, uint32_t length) {
  const auto* self = static_cast<MemoryClient*>(context);
  if (!self->tcp_) return 0;
  return static_cast<int>(recv(self->tcp_.get(), buffer, length, MSG_DONTWAIT));
}

int MemoryClient::SendCallback(void* context, const uint8_t* data, uint32_t length) {
  static_cast<MemoryClient*>(context)->Append({data, data + length});
  return static_cast<int>(length);
}

bool MemoryClient::Negotiate() {
  if (handshake_done_ || failed_) return handshake_done_;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  handshake_done_ = s2n_negotiate(connection_.get(), &blocked) == S2N_SUCCESS;
  failed_ = !handshake_done_ && s2n_error_get_type(s2n_errno) != S2N_ERR_T_BLOCKED;
  return handshake_done_;
}

bool MemoryClient::Send(const uint8_t* data, size_t length) {
  if (!handshake_done_ || failed_ || sent_close_notify_) return false;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  while (length > 0) {
    const ssize_t taken = s2n_send(connection_.get(), data, static_cast<ssize_t>(length), &blocked);
    if (taken < 0) return false;
    data += taken;
    length -= static_cast<size_t>(taken);
  }
  return true;
}

std::vector<uint8_t> MemoryClient::Receive(size_t length) {
  if (!handshake_done_ || failed_ || end_ || length == 0) return {};
  static std::vector<uint8_t> buffer(65536);
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  const ssize_t received =
      s2n_recv(connection_.get(), buffer.data(),
               static_cast<ssize_t>(std::min(length, buffer.size())), &blocked);
  end_ = received == 0;
  if (end_) s2npkey_keep_write_side_open(connection_.get());
  failed_ = received < 0 && s2n_error_get_type(s2n_errno) != S2N_ERR_T_BLOCKED;
  return {buffer.begin(), buffer.begin() + std::max(received, ssize_t{0})};
}

bool MemoryClient::CloseNotify() {
  if (!handshake_done_ || failed_ || sent_close_notify_) return false;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  sent_close_notify_ = s2n_shutdown_send(connection_.get(), &blocked) == S2N_SUCCESS;
  if (sent_close_notify_) s2npkey_keep_read_side_open(connection_.get());
  return sent_close_notify_;
}

bool MemoryClient::UpdateKeys() {
  if (!handshake_done_ || failed_ || sent_close_notify_) return false;
  return s2n_connection_request_key_update(connection_.get(), S2N_KEY_UPDATE_NOT_REQUESTED) ==
         S2N_SUCCESS;
}

bool MemoryClient::SendRecord(uint8_t content_type, const std::vector<uint8_t>& bytes) {
  return s2npkey_send_record(connection_.get(), content_type, bytes.data(),
                             static_cast<uint32_t>(bytes.size())) == 0;
}

bool MemoryClient::Flush(size_t length) {
  size_t left = std::min(length, outgoing_.size());
  while (left > 0 && tcp_) {
    const ssize_t sent = send(tcp_.get(), outgoing_.data(), left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return false;
    outgoing_.erase(outgoing_.begin(), outgoing_.begin() + sent);
    left -= static_cast<size_t>(sent);
  }
  return true;
}

void MemoryClient::Append(const std::vector<uint8_t>& bytes) {
  outgoing_.insert(outgoing_.end(), bytes.begin(), bytes.end());
}

void MemoryClient::ShutDown() {
  if (tcp_) shutdown(tcp_.get(), SHUT_WR);
}

void MemoryClient::Close() { tcp_.Close(); }

}  // namespace s2npkey::fuzz
