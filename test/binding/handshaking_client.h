// A client whose handshake runs on a thread of its own, since its peer waits for a signature
// meanwhile.
#pragma once

#include <future>
#include <utility>

#include "test_peer.h"

namespace s2npkey::test {

struct HandshakingClient {
  explicit HandshakingClient(engine::Descriptor tcp, const char* policy = "default",
                             const char* name = nullptr)
      : client(std::move(tcp), policy, name),
        done(std::async(std::launch::async, [this] { return client.Handshake(); })) {}
  Client client;
  std::future<bool> done;
};

}  // namespace s2npkey::test
