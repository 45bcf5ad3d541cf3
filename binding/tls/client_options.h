// What a client's connection needs beside its configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memory/secret_bytes.h"
#include "tls/config.h"

namespace s2npkey::tls {

struct ClientOptions {
  std::shared_ptr<const Config> config;  // made for a client
  std::string server_name;               // SNI; empty: none is sent
  // The host name or address that the server's certificate must be for. Where it is not, and
  // always where `asks`, the owner of the connection judges (Connection::Progress::kNeedsVerdict).
  std::string verified_name;
  bool asks = false;
  // A session to resume, as Connection::TakeSessions gave it, and the chain of the server that gave
  // it (DER), which is verified anew: where it does not verify now, the handshake is a full one.
  memory::SecretBytes session;
  std::vector<std::vector<uint8_t>> session_chain;
};

}  // namespace s2npkey::tls
