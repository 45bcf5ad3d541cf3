// Connections that begin with a PROXY protocol header, up to and through their handshake.
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy_headers.h"
#include "stepped_server.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using tls::FailureKind;

engine::ProxyProtocol Reads(const std::vector<std::string>& from, bool required = true) {
  engine::ProxyProtocol proxy;
  proxy.policy =
      std::make_shared<const proxy::Policy>(proxy::Policy{*proxy::Networks::Parse(from), required});
  return proxy;
}

struct Balanced {
  explicit Balanced(engine::ProxyProtocol protocol = Reads({"127.0.0.0/8"}))
      : proxy(std::move(protocol)) {}
  // The balancer's end.
  engine::Descriptor Accept() {
    auto [accepted, balancer] = ConnectedTcp();
    server.loop.Adopt(++server.streams, std::move(accepted), server.fixture.contexts,
                      server.fixture.sink, seconds(60),
                      engine::DescriptorTally::Place(server.tally), proxy);
    server.Pass({});
    return std::move(balancer);
  }
  // How it failed, once the balancer's end is closed and nothing is left of it.
  tls::Failure Failure(engine::Descriptor balancer) {
    const auto failed = server.Next();
    EXPECT(failed.has_value() && failed->kind() == Kind::kFailed);
    EXPECT(ReadAll(balancer.get()).empty());  // not even an alert
    balancer.Close();
    EXPECT(server.Until([&] { return server.Statistics().descriptors == 0; }));
    EXPECT_EQ(server.tally->count(), 0U);
    return failed->failure();
  }
  tls::Failure FailureAfter(const std::string& sent) {
    engine::Descriptor balancer = Accept();
    EXPECT(WriteAll(balancer.get(), sent));
    return Failure(std::move(balancer));
  }
  engine::ProxyHeaderRead Header() {
    auto event = server.Next();
    EXPECT(event.has_value() && event->kind() == Kind::kProxyHeader);
    return std::move(event->As<engine::ProxyHeaderRead>());
  }
  // What the handshake behind the header that was sent says of the connection.
  engine::Endpoints Handshake(engine::Descriptor balancer) {
    HandshakingClient client(std::move(balancer));
    const auto secure = server.Next();
    EXPECT(secure.has_value() && secure->kind() == Kind::kSecure);
    EXPECT(client.done.get());
    return secure->As<engine::Secured>().endpoints;
  }
  SteppedServer server;
  engine::ProxyProtocol proxy;
};

bool SameReason(const tls::Failure& failure, const char* name) {
  return failure.kind == FailureKind::kProxyProtocol && failure.name == name &&
         failure.alert == -1 && failure.message.size() > 20;
}

void ResetOnClose(int fd) {
  const linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

TEST(a_handshake_behind_a_proxy_header_is_the_clients_whose_address_it_names) {
  for (const std::string& header :
       {std::string(kProxyLine), ProxyHeader4(ProxyTlv(0xea, "\x01vpce-1")),
        ProxyHeaderWithChecksum(ProxyTlv(0x01, "h2"))}) {
    for (const size_t piece : {header.size(), size_t{1}}) {
      Balanced balanced;
      engine::Descriptor balancer = balanced.Accept();
      for (size_t at = 0; at < header.size(); at += piece) {
        EXPECT(WriteAll(balancer.get(), header.substr(at, piece)));
        balanced.server.Pass({});
      }
      const engine::ProxyHeaderRead read = balanced.Header();
      EXPECT(read.header.version == (header[0] == 'P' ? 1 : 2));
      EXPECT_EQ(read.endpoints.remote.host, std::string("192.0.2.7"));
      EXPECT_EQ(read.balancer.remote.host, std::string("127.0.0.1"));
      const engine::Endpoints endpoints = balanced.Handshake(std::move(balancer));
      EXPECT_EQ(endpoints.remote.host, std::string("192.0.2.7"));
      EXPECT_EQ(endpoints.remote.port, 56324);
      EXPECT_EQ(endpoints.remote.family, 4);
      EXPECT_EQ(endpoints.local.host, std::string("198.51.100.9"));
      EXPECT_EQ(endpoints.local.port, 443);
    }
  }
}

TEST(a_handshake_in_one_segment_with_its_proxy_header_loses_no_byte) {
  Balanced balanced;
  engine::Descriptor balancer = balanced.Accept();
  EXPECT(WriteAll(balancer.get(), kProxyLine + ClientHello()));
  balanced.Header();
  // The server's flight: it has read the whole hello.
  EXPECT(balanced.server.Until([&] { return !NothingToRead(balancer.get()); }));
  EXPECT(ReadSome(balancer.get())[0] == 22);
  balancer.Close();
  EXPECT(balanced.server.Next()->failure().kind == FailureKind::kClosed);
}

TEST(a_proxy_header_without_addresses_leaves_the_connections_own) {
  for (const std::string& header :
       {std::string("PROXY UNKNOWN\r\n"), ProxyHeader(0x20, 0, ""), ProxyHeader(0x21, 0, "x")}) {
    Balanced balanced;
    engine::Descriptor balancer = balanced.Accept();
    EXPECT(WriteAll(balancer.get(), header));
    balanced.server.Settle();
    HandshakingClient client(std::move(balancer));
    EXPECT_EQ(balanced.Header().endpoints.remote.host, std::string("127.0.0.1"));
    const auto secure = balanced.server.Next();
    EXPECT(secure.has_value() && secure->kind() == Kind::kSecure);
    EXPECT(client.done.get());
    EXPECT_EQ(secure->As<engine::Secured>().endpoints.remote.host, std::string("127.0.0.1"));
  }
}

TEST(a_health_check_that_closes_or_resets_before_tls_is_no_error) {
  for (const std::string& header :
       {std::string(), std::string("PROXY UNKNOWN\r\n"), ProxyHeader(0x20, 0, "")}) {
    for (const bool resets : {false, true}) {
      Balanced balanced;
      engine::Descriptor balancer = balanced.Accept();
      if (!header.empty()) EXPECT(WriteAll(balancer.get(), header));
      balanced.server.Settle();
      if (resets) ResetOnClose(balancer.get());
      balancer.Close();
      const auto failed = balanced.server.Next();
      EXPECT(failed.has_value() && failed->failure().kind == FailureKind::kHealthCheck);
      EXPECT(balanced.server.Until([&] { return balanced.server.tally->count() == 0; }));
    }
  }
  // haproxy's by version 1 name the connection that they come by.
  {
    Balanced balanced;
    engine::Descriptor balancer = balanced.Accept();
    const engine::Endpoints own = engine::Endpoints::Of(balancer.get());
    EXPECT(WriteAll(balancer.get(), "PROXY TCP4 127.0.0.1 127.0.0.1 " +
                                        std::to_string(own.local.port) + " " +
                                        std::to_string(own.remote.port) + "\r\n"));
    balanced.server.Settle();
    balancer.Close();
    EXPECT(balanced.server.Next()->failure().kind == FailureKind::kHealthCheck);
  }
  // It was reset before the engine looked at it, and has no address any more.
  Balanced balanced;
  auto [accepted, balancer] = ConnectedTcp();
  ResetOnClose(balancer.get());
  balancer.Close();
  balanced.server.loop.Adopt(1, std::move(accepted), balanced.server.fixture.contexts,
                             balanced.server.fixture.sink, seconds(60), {}, balanced.proxy);
  EXPECT(balanced.server.Next()->failure().kind == FailureKind::kHealthCheck);
}

TEST(a_client_that_leaves_behind_a_balancer_fails_as_any_client) {
  Balanced balanced;
  engine::Descriptor balancer = balanced.Accept();
  EXPECT(WriteAll(balancer.get(), kProxyLine));
  balanced.Header();
  balancer.Close();
  EXPECT(balanced.server.Next()->failure().kind == FailureKind::kClosed);
}

TEST(a_proxy_header_that_is_wrong_ends_the_connection_for_one_named_reason) {
  Balanced balanced;
  EXPECT(SameReason(balanced.FailureAfter(ClientHello()), "PROXY_PROTOCOL_MISSING"));
  EXPECT(SameReason(balanced.FailureAfter("GET / HTTP/1.1\r\n\r\n"), "PROXY_PROTOCOL_MISSING"));
  EXPECT(SameReason(balanced.FailureAfter("PROXY TCP4 1 2 3 4\r\n"), "PROXY_PROTOCOL_MALFORMED"));
  EXPECT(SameReason(balanced.FailureAfter(ProxyHeader(0x21, 0x11, "short") + ClientHello()),
                    "PROXY_PROTOCOL_MALFORMED"));
  EXPECT(SameReason(balanced.FailureAfter("PROXY TCP4 " + std::string(200, '1')),
                    "PROXY_PROTOCOL_TOO_LONG"));
  EXPECT(SameReason(balanced.FailureAfter(ProxyHeader(0x21, 0x11, std::string(60000, 'x'))),
                    "PROXY_PROTOCOL_TOO_LONG"));
  EXPECT(SameReason(balanced.FailureAfter(ProxyHeaderWithChecksum("", true)),
                    "PROXY_PROTOCOL_CHECKSUM"));
  for (const std::string& header : {std::string(kProxyLine), ProxyHeader4()}) {
    for (size_t cut = 1; cut < header.size(); cut++) {
      engine::Descriptor balancer = balanced.Accept();
      EXPECT(WriteAll(balancer.get(), header.substr(0, cut)));
      shutdown(balancer.get(), SHUT_WR);
      EXPECT(SameReason(balanced.Failure(std::move(balancer)), "PROXY_PROTOCOL_INCOMPLETE"));
    }
  }
}

TEST(a_connection_from_elsewhere_is_refused_with_a_header_and_without_one_if_it_is_required) {
  Balanced strict(Reads({"10.0.0.0/8", "unix"}));
  EXPECT(SameReason(strict.Failure(strict.Accept()), "PROXY_PROTOCOL_NOT_ALLOWED"));
  Balanced lenient(Reads({"10.0.0.0/8"}, false));
  EXPECT(SameReason(lenient.FailureAfter(kProxyLine), "PROXY_PROTOCOL_NOT_ALLOWED"));
  EXPECT(SameReason(lenient.FailureAfter(ProxyHeader(0x20, 0, "")), "PROXY_PROTOCOL_NOT_ALLOWED"));
  engine::Descriptor direct = lenient.Accept();
  HandshakingClient client(std::move(direct));
  EXPECT_EQ(lenient.Header().header.version, 0);
  EXPECT(lenient.server.Next()->kind() == Kind::kSecure);
  EXPECT(client.done.get());
}

TEST(a_proxy_header_that_drips_in_ends_at_its_deadline_and_a_silent_one_at_the_handshakes) {
  for (const std::string& header : {std::string(kProxyLine), ProxyHeader4(ProxyTlv(4, "......"))}) {
    Balanced balanced;
    engine::Descriptor balancer = balanced.Accept();
    balanced.server.Pass(seconds(20));  // clients may be silent behind their balancer
    for (size_t at = 0; at < 5; at++) {
      EXPECT(WriteAll(balancer.get(), header.substr(at, 1)));
      balanced.server.Settle();
      balanced.server.Pass(milliseconds(990));
    }
    EXPECT_EQ(balanced.server.Statistics().handshaking, 1U);
    balanced.server.Pass(milliseconds(60));
    EXPECT(SameReason(balanced.Failure(std::move(balancer)), "PROXY_PROTOCOL_TIMEOUT"));
  }
  for (const std::string& header : {std::string(), ProxyHeader(0x20, 0, "")}) {
    Balanced balanced;
    engine::Descriptor balancer = balanced.Accept();
    if (!header.empty()) EXPECT(WriteAll(balancer.get(), header));
    balanced.server.Settle();
    balanced.server.Pass(milliseconds(59900));
    EXPECT_EQ(balanced.server.Statistics().handshaking, 1U);
    balanced.server.Pass(milliseconds(200));
    EXPECT(balanced.Failure(std::move(balancer)).kind == FailureKind::kTimeout);
  }
}

TEST(a_client_waits_for_its_admission_where_the_application_asks_for_it) {
  Balanced balanced;
  balanced.proxy.asks = true;
  engine::Descriptor balancer = balanced.Accept();
  EXPECT(WriteAll(balancer.get(), kProxyLine + ClientHello()));
  balanced.Header();
  balanced.server.Settle();
  EXPECT(NothingToRead(balancer.get()));
  balanced.server.loop.Tell(1, &engine::TlsStream::Admit);
  EXPECT(balanced.server.Until([&] { return !NothingToRead(balancer.get()); }));

  engine::Descriptor refused = balanced.Accept();
  EXPECT(WriteAll(refused.get(), kProxyLine + ClientHello()));
  balanced.Header();
  balanced.server.loop.Tell(2, [](engine::TlsStream& stream) { stream.Destroy(-1); });
  EXPECT(balanced.server.Next()->failure().kind == FailureKind::kClosed);
  EXPECT(ReadAll(refused.get()).empty());
}

TEST(an_environment_that_goes_while_headers_are_awaited_leaves_nothing) {
  Balanced balanced;
  const engine::Descriptor silent = balanced.Accept();
  const engine::Descriptor begun = balanced.Accept();
  EXPECT(WriteAll(begun.get(), "PROXY TCP4 "));
  balanced.server.Settle();
  EXPECT_EQ(balanced.server.Statistics().handshaking, 2U);
  balanced.server.loop.EndStreamsOf(balanced.server.fixture.sink);
  balanced.server.Settle();
  EXPECT_EQ(balanced.server.Statistics().descriptors, 0U);
}

}  // namespace s2npkey::test
