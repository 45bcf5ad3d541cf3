// PROXY protocol headers, byte by byte.
#include <string>
#include <utility>
#include <vector>

#include "proxy/header_parser.h"
#include "proxy/networks.h"
#include "proxy_headers.h"
#include "test.h"

namespace s2npkey::test {

namespace {

using proxy::Header;
using proxy::HeaderParser;
using proxy::Transport;
using State = HeaderParser::State;

// A stream as the kernel holds it, of which the parser takes what is its own.
struct Fed {
  HeaderParser parser;
  std::string unread;

  void Arrive(const std::string& bytes) {
    unread += bytes;
    const size_t taken =
        parser.Feed(reinterpret_cast<const uint8_t*>(unread.data()), unread.size());
    EXPECT(taken <= unread.size());
    unread.erase(0, taken);
  }
};

Fed InPieces(const std::string& bytes, size_t piece) {
  Fed fed;
  for (size_t at = 0; at < bytes.size(); at += piece) fed.Arrive(bytes.substr(at, piece));
  return fed;
}

// However it is cut, the header is the same, and what follows it is left.
Header Read(const std::string& header) {
  const std::string after = "\x16\x03\x01 PROXY \r\n";
  Fed whole;
  whole.Arrive(header + after);
  EXPECT(whole.parser.state() == State::kDone);
  EXPECT_EQ(whole.unread, after);
  Header read = whole.parser.TakeHeader();
  const auto expect_same = [&](Fed fed) {
    EXPECT(fed.parser.state() == State::kDone);
    EXPECT_EQ(fed.unread, after);
    const Header other = fed.parser.TakeHeader();
    EXPECT(other.version == read.version && other.local == read.local);
    EXPECT(other.transport == read.transport && other.tlvs == read.tlvs);
    EXPECT_EQ(other.source.host, read.source.host);
    EXPECT_EQ(other.source.port, read.source.port);
    EXPECT_EQ(other.destination.host, read.destination.host);
    EXPECT_EQ(other.destination.port, read.destination.port);
  };
  for (size_t cut = 1; cut < header.size() + after.size(); cut++) {
    Fed fed;
    fed.Arrive((header + after).substr(0, cut));
    EXPECT(cut >= header.size() ? fed.parser.state() == State::kDone : fed.parser.reading());
    fed.Arrive((header + after).substr(cut));
    expect_same(std::move(fed));
  }
  for (const size_t piece : {1, 2, 3, 7, 13, 16, 17}) expect_same(InPieces(header + after, piece));
  return read;
}

// Refused alike, however it is cut, before or with its last byte; with a reason.
State Refused(const std::string& header) {
  Fed whole;
  whole.Arrive(header);
  EXPECT(!whole.parser.reading() && whole.parser.state() != State::kDone);
  EXPECT(whole.parser.state() == State::kNoHeader || whole.parser.problem()[0] != '\0');
  for (const size_t piece : {1, 2, 3, 7, 16}) {
    EXPECT(InPieces(header, piece).parser.state() == whole.parser.state());
  }
  return whole.parser.state();
}

std::string Text(const std::vector<uint8_t>& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace

TEST(a_proxy_header_of_version_1_names_the_clients_address_and_port_however_it_is_cut) {
  const Header four = Read(kProxyLine);
  EXPECT(four.version == 1 && !four.local && four.transport == Transport::kTcp4);
  EXPECT_EQ(four.source.host, std::string("192.0.2.7"));
  EXPECT_EQ(four.source.port, 56324);
  EXPECT_EQ(four.destination.host, std::string("198.51.100.9"));
  EXPECT_EQ(four.destination.port, 443);

  const Header six = Read("PROXY TCP6 2001:0DB8::0001 ::ffff:198.51.100.9 0 65535\r\n");
  EXPECT(six.transport == Transport::kTcp6);
  EXPECT_EQ(six.source.host, std::string("2001:db8::1"));  // one client has one name
  EXPECT_EQ(six.source.port, 0);
  EXPECT_EQ(six.destination.host, std::string("::ffff:198.51.100.9"));
  EXPECT_EQ(six.destination.port, 65535);

  for (const char* unknown : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n",
                              "PROXY UNKNOWN ffff:f...f:ffff whatever it says 65535\r\n"}) {
    const Header header = Read(unknown);
    EXPECT(header.version == 1 && header.transport == Transport::kUnknown);
    EXPECT_EQ(header.source.host, std::string());
  }
  const std::string longest = "PROXY UNKNOWN " + std::string(107 - 14 - 2, 'x') + "\r\n";
  EXPECT_EQ(longest.size(), proxy::kLongestLine);
  Read(longest);
}

TEST(a_proxy_header_of_version_1_with_one_fault_is_refused) {
  for (const char* line : {
           "PROXY \r\n",
           "PROXY TCP4\r\n",
           "PROXY TCP5 192.0.2.7 198.51.100.9 56324 443\r\n",
           "PROXY tcp4 192.0.2.7 198.51.100.9 56324 443\r\n",
           "PROXY UNKNOWNS\r\n",
           "PROXY UNKNOWN\n",
           "PROXY  TCP4 192.0.2.7 198.51.100.9 56324 443\r\n",
           "PROXY TCP4  192.0.2.7 198.51.100.9 56324 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 56324 443 \r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 56324 443 1\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 56324\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 56324 \r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 56324 443\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 56324 443\r\r\n",
           "PROXY TCP4 192.0.2 198.51.100.9 56324 443\r\n",
           "PROXY TCP4 192.0.2.07 198.51.100.9 56324 443\r\n",
           "PROXY TCP4 192.0.2.256 198.51.100.9 56324 443\r\n",
           "PROXY TCP4 2001:db8::1 198.51.100.9 56324 443\r\n",
           "PROXY TCP6 192.0.2.7 198.51.100.9 56324 443\r\n",
           "PROXY TCP6 2001:db8::1%eth0 2001:db8::2 56324 443\r\n",
           "PROXY TCP6 2001:db8::1::2 2001:db8::2 56324 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 65536 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 99999 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 056 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 -1 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 +1 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 0x50 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.9 4294967376 443\r\n",
       })
    EXPECT(Refused(line) == State::kMalformed);
  const std::string null_in_address("PROXY TCP4 192.0.2.7\0 198.51.100.9 56324 443\r\n", 46);
  EXPECT(Refused(null_in_address) == State::kMalformed);
  const std::string too_long = "PROXY UNKNOWN " + std::string(107 - 14 - 1, 'x') + "\r\n";
  EXPECT(Refused(too_long) == State::kTooLong);
  EXPECT(Refused("PROXY TCP4 " + std::string(5000, '1')) == State::kTooLong);
}

TEST(a_proxy_header_of_version_2_names_the_clients_address_and_its_tlvs_however_it_is_cut) {
  const std::string tlvs =
      ProxyTlv(0x01, "h2") + ProxyTlv(0x02, "example.com") + ProxyTlv(0x04, "") +
      ProxyTlv(0xea, "\x01vpce-08d2bf15fac5001c9") + ProxyTlv(0x05, std::string(128, 'u')) +
      ProxyTlv(0x20, std::string("\x01\0\0\0\0", 5) + ProxyTlv(0x21, "TLSv1.3"));
  const Header four = Read(ProxyHeader4(tlvs));
  EXPECT(four.version == 2 && !four.local && four.transport == Transport::kTcp4);
  EXPECT_EQ(four.source.host, std::string("192.0.2.7"));
  EXPECT_EQ(four.source.port, 56324);
  EXPECT_EQ(four.destination.host, std::string("198.51.100.9"));
  EXPECT_EQ(four.destination.port, 443);
  EXPECT_EQ(Text(four.tlvs), tlvs);
  Read(ProxyHeaderWithChecksum(tlvs));
  Read(ProxyHeaderWithChecksum(""));

  const std::string six = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01" +
                          std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x02" +
                          std::string("\x00\x01\xff\xff", 4);
  const Header read6 = Read(ProxyHeader(0x21, 0x21, six));
  EXPECT(read6.transport == Transport::kTcp6);
  EXPECT_EQ(read6.source.host, std::string("2001:db8::1"));
  EXPECT_EQ(read6.source.port, 1);
  EXPECT_EQ(read6.destination.host, std::string("2001:db8::2"));
  EXPECT_EQ(read6.destination.port, 65535);

  std::string path = "/run/client.sock";
  path.resize(108);
  const std::string abstract = std::string(1, '\0') + "name" + std::string(103, '\0');
  const Header unix = Read(ProxyHeader(0x21, 0x31, path + abstract));
  EXPECT(unix.transport == Transport::kUnix);
  EXPECT_EQ(unix.source.host, std::string("/run/client.sock"));
  EXPECT_EQ(unix.destination.host, std::string("\0name", 5));
  const std::string full(108, 'p');  // without a null byte at its end
  EXPECT_EQ(Read(ProxyHeader(0x21, 0x31, full + full)).source.host, full);

  const std::string rest(proxy::kLongestHeader - 16 - 12 - 3, 'x');
  EXPECT_EQ(ProxyHeader4(ProxyTlv(0xe0, rest)).size(), proxy::kLongestHeader);
  EXPECT_EQ(InPieces(ProxyHeader4(ProxyTlv(0xe0, rest)), 1).parser.TakeHeader().tlvs.size(),
            rest.size() + 3);
}

TEST(a_proxy_header_without_a_streams_addresses_is_valid_whatever_its_block_holds) {
  const std::string garbage = "no addresses and no TLVs";
  for (const int family : {0x00, 0x01, 0x02, 0x11, 0x12, 0x21, 0x31}) {
    const Header local = Read(ProxyHeader(0x20, family, garbage));
    EXPECT(local.local && local.transport == Transport::kUnknown && local.tlvs.empty());
    EXPECT(Read(ProxyHeader(0x20, family, "")).local);
  }
  for (const int family : {0x00, 0x01}) {
    const Header unknown = Read(ProxyHeader(0x21, family, garbage));
    EXPECT(!unknown.local && unknown.transport == Transport::kUnknown && unknown.tlvs.empty());
  }
  for (const int family : {0x10, 0x12}) {  // the transport is unknown, or a datagram's
    const Header other = Read(ProxyHeader(0x21, family, ProxyAddresses4() + ProxyTlv(1, "h2")));
    EXPECT(other.transport == Transport::kUnknown && other.source.host.empty());
    EXPECT_EQ(Text(other.tlvs), ProxyTlv(1, "h2"));
  }
}

TEST(a_proxy_header_of_version_2_with_one_fault_is_refused) {
  for (const int version : {0x00, 0x11, 0x31, 0x22, 0x2f, 0xff})
    EXPECT(Refused(ProxyHeader(version, 0x11, ProxyAddresses4())) == State::kMalformed);
  for (const int family : {0x13, 0x1f, 0x41, 0xf1, 0x03, 0xff}) {
    EXPECT(Refused(ProxyHeader(0x21, family, ProxyAddresses4())) == State::kMalformed);
    EXPECT(Refused(ProxyHeader(0x20, family, ProxyAddresses4())) == State::kMalformed);
  }
  for (const int family : {0x11, 0x21, 0x31, 0x12}) {
    EXPECT(Refused(ProxyHeader(0x21, family, "")) == State::kMalformed);
    EXPECT(Refused(ProxyHeader(0x21, family, std::string(11, 'x'))) == State::kMalformed);
  }
  for (const std::string& tlvs : {
           std::string("\x01"),
           std::string("\x01\x00", 2),
           std::string("\x01\x00\x02h", 4),
           std::string("\x01\xff\xff", 3),
           ProxyTlv(1, "h2") + "x",
           ProxyTlv(0x03, "abc"),
           ProxyTlv(0x03, "abcde"),
           ProxyTlv(0x03, ""),
           ProxyTlv(0x03, "abcd") + ProxyTlv(0x03, "abcd"),
           ProxyTlv(0x05, std::string(129, 'u')),
           ProxyTlv(0x20, ""),
           ProxyTlv(0x20, std::string(4, '\0')),
           ProxyTlv(0x20, std::string(6, '\0')),
           ProxyTlv(0x20, std::string(5, '\0') + std::string("\x21\x00\x09TLSv1.3", 10)),
       })
    EXPECT(Refused(ProxyHeader4(tlvs)) == State::kMalformed);
  EXPECT(Refused(ProxyHeaderWithChecksum(ProxyTlv(1, "h2"), true)) == State::kChecksum);
  EXPECT(Refused(ProxyHeader4(ProxyTlv(0x03, std::string(4, '\0')))) == State::kChecksum);
  const std::string much(proxy::kLongestHeader - 15, 'x');
  EXPECT(Refused(ProxyHeader(0x21, 0x11, much)) == State::kTooLong);
  EXPECT(Refused(ProxyHeader(0x20, 0x00, std::string(65535, 'x')).substr(0, 16)) ==
         State::kTooLong);  // by what it announces, before it arrives
}

TEST(what_begins_like_no_proxy_header_is_left_untouched) {
  for (const std::string& bytes :
       {std::string("\x16\x03\x01"), std::string("GET / HTTP/1.1\r\n"), std::string("PROXX"),
        std::string("POST / HTTP/1.1\r\n"), std::string("PROXYTCP4 192.0.2.7"),
        std::string("\r\n\r\n\0\r\nQUIT\r", 12), std::string("\0", 1)}) {
    EXPECT(Refused(bytes) == State::kNoHeader);
    Fed fed = InPieces(bytes, 1);
    EXPECT_EQ(fed.unread, bytes);
  }
}

TEST(the_checksum_of_a_proxy_header_is_crc32c) {
  const std::string digits = "123456789";  // the check value of the CRC's catalogue
  EXPECT_EQ(proxy::Crc32c(reinterpret_cast<const uint8_t*>(digits.data()), digits.size()),
            0xe3069283U);
}

TEST(networks_contain_the_addresses_of_their_prefix_and_no_others) {
  const auto contain = [](const std::vector<std::string>& texts, const char* host) {
    const std::optional<proxy::Networks> networks = proxy::Networks::Parse(texts);
    EXPECT(networks.has_value());
    return networks->Contain(host);
  };
  EXPECT(contain({"10.0.0.0/8"}, "10.255.255.255") && !contain({"10.0.0.0/8"}, "11.0.0.0"));
  EXPECT(contain({"10.0.0.0/8"}, "::ffff:10.1.2.3") && !contain({"10.0.0.0/8"}, "::10.1.2.3"));
  EXPECT(contain({"192.0.2.128/25"}, "192.0.2.128") && !contain({"192.0.2.128/25"}, "192.0.2.127"));
  EXPECT(contain({"192.0.2.7"}, "192.0.2.7") && !contain({"192.0.2.7"}, "192.0.2.6"));
  EXPECT(contain({"0.0.0.0/0"}, "255.1.2.3") && !contain({"0.0.0.0/0"}, "2001:db8::1"));
  EXPECT(contain({"::/0"}, "2001:db8::1") && !contain({"::/0"}, "::ffff:10.1.2.3"));
  EXPECT(contain({"2001:db8::/61"}, "2001:db8:0:7::1") &&
         !contain({"2001:db8::/61"}, "2001:db8:0:8::1"));
  EXPECT(contain({"::ffff:10.0.0.0/104"}, "10.1.2.3"));
  EXPECT(contain({"192.0.2.7", "2001:db8::1"}, "2001:db8::1"));
  EXPECT(contain({"unix"}, "") && !contain({"unix"}, "127.0.0.1"));
  EXPECT(!contain({"0.0.0.0/0", "::/0"}, ""));
  EXPECT(!contain({}, "127.0.0.1"));
  for (const char* text : {"", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ",
                           "::/129", "example.com", "10.0.0.0/8/8", "fe80::1%eth0"})
    EXPECT(!proxy::Networks::Parse({"127.0.0.1", text}).has_value());
}

}  // namespace s2npkey::test
