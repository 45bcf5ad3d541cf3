// A connection whose handshake is done, and its two ends outside of the engine.
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "engine_fixture.h"
#include "handshaking_client.h"
#include "test.h"

namespace s2npkey::test {

// An open connection: the client, and the end of the pair that JavaScript would own.
struct Open {
  explicit Open(const engine::Limits& limits = {}, const char* client_policy = "default")
      : server(P256(), true, "default", {}, limits), peer(Connect(&server), client_policy) {
    auto secure = server.Expect(engine::Event::Kind::kSecure);
    EXPECT(secure.has_value());
    EXPECT(peer.done.get());
    stream = secure->stream;
    javascript = std::move(secure->secure().descriptor);
  }
  // TCP buffers that are full soon.
  static engine::Descriptor Connect(EngineFixture* server) {
    auto [accepted, connected] = ConnectedTcp();
    const int few = 16384;
    setsockopt(accepted.get(), SOL_SOCKET, SO_SNDBUF, &few, sizeof few);
    return std::move(server->Adopt(std::move(accepted), std::move(connected)).client_tcp);
  }

  // Writes as much as is taken without anybody reading; returns it.
  std::string FillFromJavaScript() {
    const std::string pattern = Pattern(64 * 1024 * 1024);
    size_t written = 0;
    while (server.engine->Statistics().open > 0) {
      const ssize_t taken = send(javascript.get(), pattern.data() + written,
                                 std::min<size_t>(pattern.size() - written, 100000), MSG_NOSIGNAL);
      if (taken > 0) written += static_cast<size_t>(taken);
      // The engine takes no more when it is idle and the pair is still full.
      if (taken < 0 && server.engine->Statistics().open > 0 &&
          send(javascript.get(), "", 0, MSG_NOSIGNAL) <= 0 && Full())
        break;
    }
    return pattern.substr(0, written);
  }
  bool Full() const {
    int before = 0;
    int after = 0;
    ioctl(javascript.get(), SIOCOUTQ, &before);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ioctl(javascript.get(), SIOCOUTQ, &after);
    return before == after && after > 0;
  }
  // Until all that the client wrote has been acknowledged by the server's kernel.
  bool Acknowledged() const {
    const auto limit = engine::Clock::now() + std::chrono::seconds(20);
    for (int left = 1; left > 0;) {
      if (ioctl(peer.client.fd(), SIOCOUTQ, &left) != 0 || engine::Clock::now() > limit)
        return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  void ResetByPeer() {
    const linger abort{1, 0};
    setsockopt(peer.client.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    peer.client.Close();
  }
  std::string ReceiveAll() {
    std::string all;
    for (std::string part = peer.client.Receive(); !part.empty(); part = peer.client.Receive())
      all += part;
    return all;
  }

  EngineFixture server;
  HandshakingClient peer;
  engine::Descriptor javascript;
  engine::StreamId stream = 0;
};

}  // namespace s2npkey::test
