// Session tickets: the keys that encrypt them, and how long sessions live (RFC 5077 for TLS 1.2,
// RFC 8446 section 4.6.1 for TLS 1.3). A resumed handshake needs no signature.
#pragma once

#include <openssl/mem.h>

#include <array>
#include <cstdint>
#include <vector>

#include "s2n.h"

namespace s2npkey::tls {

struct TicketKey {
  TicketKey() = default;
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey() { OPENSSL_cleanse(secret.data(), secret.size()); }

  std::array<uint8_t, 16> name{};  // sent in the ticket, unencrypted
  std::array<uint8_t, 32> secret{};
  // When it starts to encrypt, in seconds since 1970. It decrypts before that, too. 0 means now.
  uint64_t since = 0;
};

struct SessionTickets {
  // At most 48; empty: no tickets.
  std::vector<TicketKey> keys;
  // From the full handshake until its session can no longer be resumed, however often it was.
  uint32_t session_seconds = 0;
  // How long a key encrypts; it decrypts for session_seconds more.
  uint64_t encrypting_seconds = 0;
  // Whether TLS 1.2 has tickets, too: whoever has their keys can read what was recorded of its
  // resumed sessions.
  bool tls12 = true;
  uint8_t tickets_per_handshake = 1;  // TLS 1.3; TLS 1.2 has one
};

// Throws Error ERR_S2N_PKEY_CONFIG.
void UseSessionTickets(s2n_config* config, const SessionTickets& tickets);

}  // namespace s2npkey::tls
