// What happens to connections when memory or threads run out. Each test in a process of its own,
// whose limits it lowers.
#include <openssl/nid.h>
#include <sys/resource.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "child_process.h"
#include "engine_fixture.h"
#include "test.h"

using namespace s2npkey;
using namespace s2npkey::test;
using Kind = engine::Event::Kind;

TEST(where_memory_runs_out_new_connections_are_refused_and_open_ones_go_on) {
  ExpectInChild([] {
    const Identity identity = Identity::Ecdsa(NID_X9_62_prime256v1);
    EngineFixture server(identity, true);
    Accepted first = server.Accept();
    Client client(std::move(first.client_tcp), "default");
    EXPECT(client.Handshake());
    auto secure = server.Expect(Kind::kSecure);
    EXPECT(secure.has_value());

    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    std::vector<Accepted> waiting;
    waiting.reserve(1000);
    LimitAddressSpace(4 << 20);  // some 150 handshakes' worth
    std::optional<engine::Event> failed;
    while (waiting.size() < 1000 && !failed) {
      waiting.push_back(server.Accept());
      // As much of a first record as s2n's memory is taken for.
      const std::string start = std::string("\x16\x03\x01\x20\x00\x01\x00\x1f\xfc", 9);
      EXPECT(WriteAll(waiting.back().client_tcp.get(), start + std::string(3000, '\0')));
      (void)server.engine->Statistics();  // the engine has come to it
      failed = server.sink->Next(0);
    }
    if (!failed) failed = server.sink->Next();
    EXPECT(failed.has_value());
    EXPECT(failed->kind() == Kind::kFailed);
    EXPECT(failed->failure().kind == tls::FailureKind::kResources);
    EXPECT(failed->failure().message.find("memory") != std::string::npos);

    EXPECT(client.Send("still here"));
    EXPECT_EQ(ReadSome(secure->secure().descriptor.get()), std::string("still here"));

    // What the others give back is enough for the next.
    waiting.clear();
    while (server.engine->Statistics().handshaking > 0) server.sink->Next(0);
    Accepted last = server.Accept();
    Client again(std::move(last.client_tcp), "default");
    EXPECT(again.Handshake());
  });
}

TEST(where_no_thread_can_be_started_adopting_says_so_and_a_later_one_succeeds) {
  ExpectInChild([] {
    const Identity identity = Identity::Ecdsa(NID_X9_62_prime256v1);
    EngineFixture server(identity, true);
    EXPECT(server.engine->SetThreads(16));  // more than libc keeps stacks of ended threads for
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    LimitAddressSpace(6 << 20);  // a thread's stack takes 8 MiB; AddressSanitizer needs some
    int error = 0;
    try {
      (void)server.Accept();
    } catch (const std::system_error& thrown) {
      error = thrown.code().value();
    }
    EXPECT_EQ(error, EAGAIN);
    setrlimit(RLIMIT_AS, &before);
    Accepted accepted = server.Accept();
    Client client(std::move(accepted.client_tcp), "default");
    EXPECT(client.Handshake());
  });
}
