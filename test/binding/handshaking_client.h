// A client whose handshake runs on a thread of its own, since its peer waits for a signature
// meanwhile.
#pragma once

#include <utility>

#include "aside.h"
#include "test_peer.h"

namespace s2npkey::test {

struct HandshakingClient {
  explicit HandshakingClient(engine::Descriptor tcp, const char* policy = "default",
                             const char* name = nullptr)
      : client(std::move(tcp), policy, name),
        done(RunAside([this] { return client.Handshake(); })) {}
  Client client;
  Aside<bool> done;
};

}  // namespace s2npkey::test
