// Two s2n connections whose bytes the test carries, to see what s2n itself does.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "s2n/internals.h"
#include "test.h"
#include "test_identity.h"
#include "tls/library.h"
#include "tls/s2n_handles.h"

namespace s2npkey::test {

constexpr char kTls12[] = "20240501";  // TLS 1.2 at most
constexpr char kBoth[] = "default_tls13";
constexpr int kTls12Number = 33;
constexpr int kTls13Number = 34;

// One side of a connection whose bytes the test carries.
struct S2nEnd {
  explicit S2nEnd(s2n_mode mode, const char* policy)
      : config((tls::InitializeLibrary(), s2n_config_new_minimal())),
        connection(s2n_connection_new(mode)) {
    if (s2n_config_set_cipher_preferences(config.get(), policy) ||
        s2n_config_disable_x509_verification(config.get()))
      std::abort();
    if (mode == S2N_SERVER) {
      chain.reset(s2n_cert_chain_and_key_new());
      if (s2n_cert_chain_and_key_load_pem(chain.get(), P256().certificate_pem.c_str(),
                                          P256().private_key_pem.c_str()) ||
          s2n_config_add_cert_chain_and_key_to_store(config.get(), chain.get()))
        std::abort();
    }
  }

  // Once the configuration is complete.
  void Begin() {
    s2n_connection* own = connection.get();
    if (s2n_connection_set_config(own, config.get()) ||
        s2n_connection_set_blinding(own, S2N_SELF_SERVICE_BLINDING) ||
        s2n_connection_set_recv_buffering(own, true) || s2n_connection_set_recv_cb(own, Take) ||
        s2n_connection_set_recv_ctx(own, this) || s2n_connection_set_send_cb(own, Give) ||
        s2n_connection_set_send_ctx(own, this))
      std::abort();
  }

  static int Take(void* context, uint8_t* buffer, uint32_t length) {
    std::string& incoming = static_cast<S2nEnd*>(context)->incoming;
    if (incoming.empty()) {
      errno = EAGAIN;
      return -1;
    }
    const size_t taken = std::min<size_t>(length, incoming.size());
    std::memcpy(buffer, incoming.data(), taken);
    incoming.erase(0, taken);
    return static_cast<int>(taken);
  }

  static int Give(void* context, const uint8_t* data, uint32_t length) {
    auto* self = static_cast<S2nEnd*>(context);
    self->given.emplace_back(data, length);
    self->outgoing.append(reinterpret_cast<const char*>(data), length);
    return static_cast<int>(length);
  }

  bool Negotiate() {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    return s2n_negotiate(connection.get(), &blocked) == S2N_SUCCESS;
  }

  bool Send(const std::string& text) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    return s2n_send(connection.get(), text.data(), static_cast<ssize_t>(text.size()), &blocked) ==
           static_cast<ssize_t>(text.size());
  }

  // Nothing: an end, an error, or not now.
  std::string Receive(size_t most = 65536) {
    std::string buffer(most, '\0');
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    s2npkey_begin_receiving();
    const ssize_t received =
        s2n_recv(connection.get(), buffer.data(), static_cast<ssize_t>(most), &blocked);
    buffer.resize(received > 0 ? static_cast<size_t>(received) : 0);
    return buffer;
  }

  bool CloseNotify() {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    return s2n_shutdown_send(connection.get(), &blocked) == S2N_SUCCESS;
  }

  tls::CertificateChainHandle chain;
  tls::ConfigHandle config;
  tls::ConnectionHandle connection;
  std::string incoming;
  std::string outgoing;
  std::vector<std::pair<const uint8_t*, uint32_t>> given;  // what each send callback was given
};

inline void Carry(S2nEnd* from, S2nEnd* to) {
  to->incoming += from->outgoing;
  from->outgoing.clear();
}

struct S2nPair {
  explicit S2nPair(const char* policy) : client(S2N_CLIENT, policy), server(S2N_SERVER, policy) {}

  void Begin() {
    client.Begin();
    server.Begin();
  }

  void Handshake() {
    Begin();
    bool client_done = false;
    bool server_done = false;
    for (int flight = 0; flight < 8 && !(client_done && server_done); flight++) {
      client_done = client_done || client.Negotiate();
      from_client += client.outgoing;
      Carry(&client, &server);
      server_done = server_done || server.Negotiate();
      from_server += server.outgoing;
      Carry(&server, &client);
    }
    EXPECT(client_done && server_done);
    client.given.clear();
    server.given.clear();
  }

  int Version() { return s2n_connection_get_actual_protocol_version(server.connection.get()); }

  S2nEnd client;
  S2nEnd server;
  std::string from_client;  // the handshake, as it went over the wire
  std::string from_server;
};

inline void OpenPair(S2nPair* pair, int version) {
  pair->Handshake();
  EXPECT_EQ(pair->Version(), version);
}

}  // namespace s2npkey::test
