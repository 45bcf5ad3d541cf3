// The servers and clients that fuzz targets use, made once for all inputs: a key and its
// certificate cost more than a thousand inputs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/events.h"
#include "tls/local_key.h"
#include "tls/s2n_handles.h"
#include "tls/server_contexts.h"

namespace s2npkey::fuzz {

// How a server gets at its keys, and what it offers to whom: kContexts has an RSA and an ECDSA
// identity, and another configuration, with ALPN, for clients that ask for kServerName.
enum class ServerKind : uint8_t { kKeyless, kContexts, kLocalKey, kKeylessRsa };
inline constexpr size_t kServerKinds = 4;
inline constexpr char kServerName[] = "name.example";

struct Server {
  std::shared_ptr<const tls::ServerContexts> contexts;
  std::vector<std::vector<std::shared_ptr<const tls::LocalKey>>> keys;  // by context and identity

  // What the signer of that key would answer. Empty: it cannot sign this.
  std::vector<uint8_t> Sign(const engine::Event& operation) const;
};
const Server& ServerOf(ServerKind kind);

// What a client can do. All of them agree with every server.
enum class ClientKind : uint8_t { kDefault, kTls13, kTls12, kPostQuantum };
inline constexpr size_t kClientKinds = 4;
s2n_config* ClientConfigOf(ClientKind kind);

// The time that s2n-tls sees, on both sides; for its blinding delays.
void SetTimeOfS2n(std::chrono::nanoseconds time);

}  // namespace s2npkey::fuzz
