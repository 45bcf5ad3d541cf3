// Options of one client connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memory/secret_bytes.h"
#include "tls/config.h"

namespace s2npkey::tls {

struct ClientOptions {
  std::shared_ptr<const Config> config;  // created with ConfigOptions::client
  std::string server_name;               // SNI; empty: none is sent
  // The host name or address that the server's certificate must match. If it does not, or if `asks`
  // is true, the owner of the connection decides (Connection::Progress::kNeedsVerdict).
  std::string verified_name;
  bool asks = false;
  // A session to resume, from Connection::TakeSessions, and the chain of the server that issued it
  // (DER). The chain is verified again. If it does not verify, the handshake is a full one.
  memory::SecretBytes session;
  std::vector<std::vector<uint8_t>> session_chain;
};

}  // namespace s2npkey::tls
