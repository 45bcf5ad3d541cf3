// An s2n-tls client that never waits, and whose records the fuzz target carries to the server:
// whole, in pieces, changed, or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configurations.h"
#include "engine/descriptor.h"
#include "tls/s2n_handles.h"

namespace s2npkey::fuzz {

class MemoryClient {
 public:
  static constexpr uint8_t kApplicationData = 23;  // RFC 8446 section 5.1

  MemoryClient(engine::Descriptor tcp, ClientKind kind, bool asks_for_name, bool offers_alpn);
  MemoryClient(const MemoryClient&) = delete;
  MemoryClient& operator=(const MemoryClient&) = delete;

  // As far as the handshake goes now. True: it is done.
  bool Negotiate();
  bool handshake_done() const { return handshake_done_; }
  bool failed() const { return failed_; }

  // Application data into records; false: it can send none (any more).
  bool Send(const uint8_t* data, size_t length);
  // Up to `length` bytes of application data; empty: none now, or the end (end() tells).
  std::vector<uint8_t> Receive(size_t length);
  // The server's close_notify was read.
  bool end() const { return end_; }
  bool CloseNotify();
  bool sent_close_notify() const { return sent_close_notify_; }
  bool UpdateKeys();
  bool SendRecord(uint8_t content_type, const std::vector<uint8_t>& bytes);

  // Records on their way to the server, for the caller to change.
  std::vector<uint8_t>& outgoing() { return outgoing_; }
  // Hands up to `length` of them to the kernel. False: it took less.
  bool Flush(size_t length = SIZE_MAX);
  // To the server as they are, past s2n and behind what is outgoing.
  void Append(const std::vector<uint8_t>& bytes);

  // FIN and closing, of the descriptor.
  void ShutDown();
  void Close();
  bool open() const { return static_cast<bool>(tcp_); }

 private:
  static int ReceiveCallback(void* context, uint8_t* buffer, uint32_t length);
  static int SendCallback(void* context, const uint8_t* data, uint32_t length);

  engine::Descriptor tcp_;
  tls::ConnectionHandle connection_;
  std::vector<uint8_t> outgoing_;
  bool handshake_done_ = false;
  bool failed_ = false;
  bool end_ = false;
  bool sent_close_notify_ = false;
};

}  // namespace s2npkey::fuzz
