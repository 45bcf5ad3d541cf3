// What must be gone when it is of no use any more: plaintext, exported keying material, ticket
// keys.
#include <fcntl.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/loop_context.h"
#include "memory/arena.h"
#include "open_connection.h"
#include "stepped_client.h"
#include "test.h"

namespace s2npkey::test {

namespace {

// Random bytes that are looked for: kept as their complement, so that the search does not find what
// it is looking for in its own hands.
class Needle {
 public:
  void Take(const void* bytes) {
    std::memcpy(complement_.data(), bytes, complement_.size());
    for (uint8_t& byte : complement_) byte = static_cast<uint8_t>(~byte);
  }
  void Give(uint8_t* bytes) const {
    for (size_t i = 0; i < complement_.size(); i++)
      bytes[i] = static_cast<uint8_t>(~complement_[i]);
  }
  bool Is(const uint8_t* bytes) const {
    for (size_t i = 0; i < complement_.size(); i++)
      if (bytes[i] != static_cast<uint8_t>(~complement_[i])) return false;
    return true;
  }
  uint8_t first() const { return static_cast<uint8_t>(~complement_[0]); }
  static constexpr size_t kSize = 40;

 private:
  std::array<uint8_t, kSize> complement_{};
};

// Whether it lies anywhere in this process's writable memory. Of a sanitizer's own, which takes up
// address space by terabytes, nothing is looked at.
bool IsInMemory(const Needle& needle) {
  constexpr size_t kWindow = size_t{1} << 20;
  constexpr uint64_t kLargest = uint64_t{1} << 30;
  static std::vector<uint8_t> window(kWindow + Needle::kSize);
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  EXPECT(memory >= 0);
  std::ifstream maps("/proc/self/maps");
  bool found = false;
  for (std::string line; !found && std::getline(maps, line);) {
    uint64_t begin = 0;
    uint64_t end = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " rw", &begin, &end) != 2) continue;
    if (line.find(" rw") == std::string::npos || end - begin > kLargest) continue;
    for (uint64_t at = begin; !found && at < end; at += kWindow) {
      const ssize_t size = pread(memory, window.data(), window.size(), static_cast<off_t>(at));
      if (size < static_cast<ssize_t>(Needle::kSize)) continue;
      const uint8_t* const last = window.data() + size - Needle::kSize;
      for (const uint8_t* next = window.data(); !found && next <= last; next++) {
        next = static_cast<const uint8_t*>(
            std::memchr(next, needle.first(), static_cast<size_t>(last - next) + 1));
        if (!next) break;
        found = needle.Is(next);
      }
    }
  }
  OPENSSL_cleanse(window.data(), window.size());
  close(memory);
  return found;
}

// The engine's thread wipes before it sleeps, which is not long after what it did last.
bool GoesFromMemory(const Needle& needle) {
  const auto limit = engine::Clock::now() + std::chrono::seconds(20);
  while (IsInMemory(needle)) {
    if (engine::Clock::now() > limit) return false;
  }
  return true;
}

}  // namespace

TEST(plaintext_is_in_no_memory_of_the_process_once_it_is_with_javascript_or_the_peer) {
  for (const size_t size : {Needle::kSize, size_t{5000}, size_t{60000}}) {
    Needle needle;
    {
      std::array<uint8_t, Needle::kSize> random{};
      RAND_bytes(random.data(), random.size());
      needle.Take(random.data());
      EXPECT(IsInMemory(needle));  // the search finds what is there
      OPENSSL_cleanse(random.data(), random.size());
    }
    auto connection = std::make_unique<Open>();
    std::string text(size, 'x');
    auto* const place = reinterpret_cast<uint8_t*>(text.data()) + size - Needle::kSize;
    needle.Give(place);

    // To JavaScript, whose end of the pair this test has.
    EXPECT(connection->peer.client.Send(text));
    OPENSSL_cleanse(text.data(), size);
    for (size_t read_so_far = 0; read_so_far < size;) {
      const ssize_t part =
          read(connection->javascript.get(), text.data() + read_so_far, size - read_so_far);
      if (part > 0) read_so_far += static_cast<size_t>(part);
    }
    EXPECT(needle.Is(place));

    // And from it. What is still in the pair is the kernel's.
    for (size_t written = 0; written < size;) {
      const ssize_t part =
          write(connection->javascript.get(), text.data() + written, size - written);
      if (part > 0) written += static_cast<size_t>(part);
    }
    OPENSSL_cleanse(text.data(), size);
    for (size_t received = 0; received < size;) {
      std::string part = connection->peer.client.Receive();
      EXPECT(!part.empty());
      received += part.size();
      OPENSSL_cleanse(part.data(), part.size());
    }
    connection->peer.client.Close();  // its buffers are of the same process
    EXPECT(GoesFromMemory(needle));
  }
}

TEST(what_an_engine_thread_reads_and_decrypts_lies_in_locked_memory) {
  const memory::ArenaStatistics before = memory::Arena::Process().Statistics();
  const engine::LoopContext context;
  // Aborts for memory that is not the arena's.
  EXPECT(memory::Arena::Process().SizeOf(context.written.data()) >= engine::LoopContext::kWritten);
  EXPECT(memory::Arena::Process().SizeOf(context.received.data()) >= engine::LoopContext::kChunk);
  EXPECT(memory::Arena::Process().SizeOf(context.data_records.data()) > 0);
  EXPECT(memory::Arena::Process().Statistics().bytes_in_use >
         before.bytes_in_use + 3 * engine::LoopContext::kChunk);
}

TEST(exported_keying_material_is_gone_once_it_was_handed_over) {
  Open connection;
  engine::EngineLoop* loop = connection.server.engine->LoopOf(connection.stream);
  EXPECT(loop != nullptr);
  Needle needle;
  {
    const memory::SecretBytes material =
        loop->ExportKeyingMaterial(connection.stream, 64, "EXPORTER-test", {}).get();
    EXPECT_EQ(material.size(), 64u);
    needle.Take(material.data());
    EXPECT(IsInMemory(needle));
  }
  EXPECT(GoesFromMemory(needle));
}

TEST(a_clients_configuration_and_offered_session_do_not_live_as_long_as_its_connection) {
  memory::SecretBytes session(Needle::kSize);
  RAND_bytes(session.data(), session.size());
  Needle needle;
  needle.Take(session.data());
  EXPECT(IsInMemory(needle));
  SteppedClient client("default_tls13", std::move(session));
  EXPECT(client.config.expired());
  EXPECT(!IsInMemory(needle));
  // The connection still works.
  EXPECT(WriteAll(client.javascript.get(), "hello"));
  client.Turn();
  EXPECT_EQ(client.server.Receive(), "hello");
  EXPECT(client.server.Send("again"));
  EXPECT_EQ(client.ReadSome(), "again");
}

TEST(configurations_and_ticket_keys_do_not_live_as_long_as_a_connection) {
  EngineFixture server(P256(), true);
  std::weak_ptr<const tls::Config> config;
  {
    tls::ConfigOptions options;
    options.identities = {{tls::CertificateChain::Create(P256().certificate_pem), server.key}};
    options.tickets.keys.resize(1);
    options.tickets.keys[0].secret.fill(7);
    options.tickets.session_seconds = 1000;
    options.tickets.encrypting_seconds = 100;
    const auto made = tls::Config::Create(options);
    config = made;
    server.Use({made}, {});
  }
  Accepted accepted = server.Accept();
  HandshakingClient peer(std::move(accepted.client_tcp), "default");
  auto secure = server.Expect(engine::Event::Kind::kSecure);
  EXPECT(secure.has_value());
  EXPECT(peer.done.get());
  EXPECT(!config.expired());
  server.contexts.reset();
  EXPECT(config.expired());
  // And the connection goes on.
  EXPECT(WriteAll(secure->secure().descriptor.get(), "hello"));
  EXPECT_EQ(peer.client.Receive(), "hello");
  EXPECT(peer.client.UpdateKeys());
  EXPECT(peer.client.Send("again"));
  EXPECT_EQ(ReadSome(secure->secure().descriptor.get()), "again");
}

}  // namespace s2npkey::test
