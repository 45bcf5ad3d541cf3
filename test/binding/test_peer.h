// Both ends of a TCP connection over loopback, a blocking s2n-tls client on one of them, and a sink
// that collects events.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/descriptor.h"
#include "engine/events.h"
#include "tls/local_key.h"
#include "tls/s2n_handles.h"

namespace s2npkey::test {

// The accepted end first, the client's second.
std::pair<engine::Descriptor, engine::Descriptor> ConnectedTcp();

// Collects what an engine tells, for a test to wait for.
class CollectingSink final : public engine::EventSink {
 public:
  void Push(engine::Event&& event) override;
  void Wake() override {}
  engine::Ending EndingOf(engine::StreamId) override { return ending; }
  std::atomic<engine::Ending> ending{engine::Ending::kInOrder};  // what it answers, of every stream
  // The next event, in order; nothing after `seconds` (a test that gets nothing has failed).
  std::optional<engine::Event> Next(int seconds = 20);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<engine::Event> events_;
};

// Trusts any certificate: what is tested is the server.
class Client {
 public:
  Client(engine::Descriptor tcp, const char* security_policy, const char* server_name = nullptr,
         s2n_mode mode = S2N_CLIENT);

  // Shows a certificate and signs with this key, whether or not they belong together. Before the
  // handshake.
  void Present(const std::string& certificate_pem, std::shared_ptr<const tls::LocalKey> key);
  // Before the handshake: asks for session tickets, and offers one that an earlier client was
  // given.
  void UseSessions(const std::vector<uint8_t>& offered = {});
  // The last ticket, with its session; empty: none came.
  std::vector<uint8_t> Session();
  bool Resumed() const;

  bool Handshake();
  bool Send(const std::string& text);
  // What Send would write.
  std::string Records(const std::string& text);
  // Up to 64 KiB; empty at the end, or when the connection failed.
  std::string Receive();
  // The alert that the peer ends with, after whatever else it sent; -1: another end.
  int Alert();
  // After Receive gave nothing: why.
  std::string Ending();
  bool CloseNotify();
  // The next bytes sent are under new keys (RFC 8446 section 4.6.3).
  bool UpdateKeys();
  // The same, told at once.
  bool SendKeyUpdate();
  // A record of any type and content, under the connection's keys.
  bool SendRecord(uint8_t type, const std::string& content);
  const char* Cipher() const;
  int Protocol() const;
  int fd() const { return tcp_.get(); }
  void Close();

 private:
  static int Sign(s2n_connection* connection, s2n_async_pkey_op* operation);

  engine::Descriptor tcp_;
  std::shared_ptr<const tls::LocalKey> key_;
  tls::CertificateChainHandle chain_;
  tls::ConfigHandle config_;
  tls::ConnectionHandle connection_;
};

// Bytes that repeat nowhere soon, so that what is lost, doubled or out of order shows.
std::string Pattern(size_t size);

// read(2) and write(2) on a nonblocking descriptor, waiting as needed. All bytes up to the end; and
// all written or false.
std::string ReadAll(int fd);
std::string ReadSome(int fd);
bool WriteAll(int fd, const std::string& text);

}  // namespace s2npkey::test
