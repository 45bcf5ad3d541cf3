// What binding/s2n assumes about s2n-tls's internal structures, each by what s2n then does. The
// rest is held where it is used: peer_chain by peer_verification_test.cc, the limits of messages by
// rationing_test.cc, a pending alert by test/tls/alerts.test.ts, the transcript hash by
// transcript_hash_test.cc, replace_config by test/tls/client-certificates.test.ts.
#include "s2n/internals.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "s2n_pair.h"
#include "test.h"
#include "test_peer.h"

namespace s2npkey::test {

TEST(s2n_reads_plaintext_until_the_handshake_has_keys) {
  for (const char* policy : {kTls12, kBoth}) {
    S2nPair pair(policy);
    pair.Begin();
    EXPECT(!pair.client.Negotiate());
    Carry(&pair.client, &pair.server);
    EXPECT(s2npkey_reads_plaintext(pair.server.connection.get()));
    S2nPair open(policy);
    open.Handshake();
    EXPECT(!s2npkey_reads_plaintext(open.server.connection.get()));
    EXPECT(!s2npkey_reads_plaintext(open.client.connection.get()));
  }
}

TEST(s2n_writes_the_alert_it_is_given_at_once_and_only_once) {
  S2nPair pair(kBoth);
  pair.Begin();
  EXPECT(!pair.client.Negotiate());
  s2n_connection* client = pair.client.connection.get();
  pair.client.outgoing.clear();
  EXPECT(s2npkey_send_alert(client, 80));  // internal_error, of RFC 8446 section 6
  EXPECT_EQ(pair.client.outgoing.size(), size_t{7});
  EXPECT_EQ(pair.client.outgoing[0], '\x15');
  EXPECT_EQ(pair.client.outgoing.substr(3), std::string("\0\x02\x02\x50", 4));
  EXPECT(!s2npkey_send_alert(client, 40));
  EXPECT_EQ(pair.client.outgoing.size(), size_t{7});
}

TEST(s2n_writes_an_alert_under_the_keys_of_an_open_connection) {
  for (const char* policy : {kTls12, kBoth}) {
    S2nPair pair(policy);
    pair.Handshake();
    EXPECT(s2npkey_send_alert(pair.server.connection.get(), 49));
    EXPECT(pair.server.outgoing.size() > 7);  // encrypted
    Carry(&pair.server, &pair.client);
    EXPECT_EQ(pair.client.Receive(), "");
    EXPECT_EQ(s2n_connection_get_alert(pair.client.connection.get()), 49);
    // The one who was told answers with none.
    EXPECT(!s2npkey_send_alert(pair.client.connection.get(), 80));
  }
}

TEST(below_tls_13_s2n_sends_after_the_peers_end_only_with_its_flag_cleared) {
  S2nPair pair(kTls12);
  OpenPair(&pair, kTls12Number);
  EXPECT(pair.client.CloseNotify());
  Carry(&pair.client, &pair.server);
  EXPECT_EQ(pair.server.Receive(), "");
  EXPECT(!pair.server.Send("answer"));  // s2n's own behaviour, which the flag is cleared for
  s2npkey_keep_write_side_open(pair.server.connection.get());
  EXPECT(pair.server.Send("answer"));
  Carry(&pair.server, &pair.client);
  EXPECT_EQ(pair.client.Receive(), "");  // the same, of the other flag
  s2npkey_keep_read_side_open(pair.client.connection.get());
  EXPECT_EQ(pair.client.Receive(), "answer");
}

TEST(in_tls_13_s2n_keeps_directions_apart_by_itself) {
  S2nPair pair(kBoth);
  OpenPair(&pair, kTls13Number);
  EXPECT(pair.client.CloseNotify());
  Carry(&pair.client, &pair.server);
  EXPECT_EQ(pair.server.Receive(), "");
  s2npkey_keep_write_side_open(pair.server.connection.get());
  s2npkey_keep_read_side_open(pair.client.connection.get());
  EXPECT(pair.server.Send("answer"));
  Carry(&pair.server, &pair.client);
  EXPECT_EQ(pair.client.Receive(), "answer");
  // Nor does clearing open again what is closed.
  EXPECT(!pair.client.Send("more"));
}

TEST(s2n_decrypts_in_the_buffer_it_is_given_and_keeps_the_rest_in_its_own) {
  for (const char* policy : {kTls12, kBoth}) {
    S2nPair pair(policy);
    pair.Handshake();
    pair.server.Receive();  // whatever comes after the handshake
    const std::string first = Pattern(3000);
    EXPECT(pair.client.Send(first));
    std::string records = std::move(pair.client.outgoing);
    pair.client.outgoing.clear();
    EXPECT(pair.client.Send("second"));
    const std::string whole = std::move(pair.client.outgoing);
    records += whole.substr(0, 9);  // a header, and some
    std::vector<uint8_t> memory(records.size() + 20000);
    std::copy(records.begin(), records.end(), memory.begin());
    s2n_connection* server = pair.server.connection.get();
    EXPECT_EQ(s2npkey_buffered_input(server), 0U);
    EXPECT(s2npkey_use_receive_buffer(server, memory.data(), static_cast<uint32_t>(records.size()),
                                      static_cast<uint32_t>(memory.size())));
    const std::string byte = pair.server.Receive(1);
    EXPECT_EQ(byte.size(), size_t{1});
    uint32_t size = 0;
    const uint8_t* plaintext = s2npkey_take_plaintext(server, static_cast<uint8_t>(byte[0]), &size);
    EXPECT(plaintext > memory.data() && plaintext + size < memory.data() + records.size());
    EXPECT_EQ(std::string(plaintext, plaintext + size), first);
    EXPECT_EQ(pair.server.Receive(1), "");  // the second is not whole
    EXPECT(s2npkey_release_receive_buffer(server));
    EXPECT_EQ(s2npkey_buffered_input(server), 4U);  // s2n keeps the header apart
    std::fill(memory.begin(), memory.end(), 0xff);  // s2n reads it no more
    pair.server.incoming = whole.substr(9);
    EXPECT_EQ(pair.server.Receive(), "second");
  }
}

TEST(s2n_continues_in_a_buffer_with_the_part_of_a_record_that_it_has) {
  S2nPair pair(kBoth);
  pair.Handshake();
  pair.server.Receive();
  EXPECT(pair.client.Send("in two parts"));
  const std::string record = std::move(pair.client.outgoing);
  pair.server.incoming = record.substr(0, 12);
  EXPECT_EQ(pair.server.Receive(), "");
  s2n_connection* server = pair.server.connection.get();
  const uint32_t kept = s2npkey_buffered_input(server);
  EXPECT_EQ(kept, 7U);  // all but the header
  std::vector<uint8_t> memory(20000);
  std::copy(record.begin() + 12, record.end(), memory.begin() + kept);
  EXPECT(s2npkey_use_receive_buffer(server, memory.data(),
                                    static_cast<uint32_t>(record.size() - 12),
                                    static_cast<uint32_t>(memory.size())));
  EXPECT_EQ(pair.server.Receive(), "in two parts");
  EXPECT(s2npkey_release_receive_buffer(server));
}

TEST(s2n_writes_records_one_after_the_other_into_the_buffer_it_is_given) {
  for (const char* policy : {kTls12, kBoth}) {
    S2nPair pair(policy);
    pair.Handshake();
    s2n_connection* server = pair.server.connection.get();
    const std::string text = Pattern(40000);
    std::vector<uint8_t> memory(50000);
    EXPECT(s2npkey_use_send_buffer(server, memory.data(), static_cast<uint32_t>(memory.size())));
    EXPECT(pair.server.Send(text));
    EXPECT_EQ(pair.server.given.size(), size_t{1});  // all records at once
    EXPECT(pair.server.given[0].first == memory.data());
    s2npkey_release_send_buffer(server);
    std::fill(memory.begin(), memory.end(), 0xff);
    EXPECT(pair.server.Send("by itself"));
    for (size_t i = 1; i < pair.server.given.size(); i++) {
      const uint8_t* data = pair.server.given[i].first;
      EXPECT(data < memory.data() || data >= memory.data() + memory.size());
    }
    Carry(&pair.server, &pair.client);
    std::string received;
    for (std::string part = pair.client.Receive(); !part.empty(); part = pair.client.Receive())
      received += part;
    EXPECT(received == text + "by itself");
  }
}

TEST(the_randoms_are_those_of_both_hellos_on_the_wire) {
  S2nPair pair(kTls12);
  OpenPair(&pair, kTls12Number);
  uint8_t randoms[64];
  s2npkey_hello_randoms(pair.server.connection.get(), randoms);
  // A record's header, a message's, and the version: 5, 4 and 2 bytes.
  EXPECT(std::memcmp(randoms, pair.from_client.data() + 11, 32) == 0);
  EXPECT(std::memcmp(randoms + 32, pair.from_server.data() + 11, 32) == 0);
}

TEST(the_hash_of_the_prf_is_that_of_the_suites_name) {
  for (const char* policy : {kTls12, kBoth}) {
    S2nPair pair(policy);
    pair.Handshake();
    const std::string suite = s2n_connection_get_cipher(pair.server.connection.get());
    const bool named = suite.find("SHA384") != std::string::npos;
    EXPECT_EQ(s2npkey_prf_is_sha384(pair.server.connection.get()), named);
  }
}

TEST(a_server_names_the_authorities_it_is_given_in_its_request) {
  S2nPair pair(kTls12);
  EXPECT(!s2n_config_set_client_auth_type(pair.server.config.get(), S2N_CERT_AUTH_OPTIONAL));
  EXPECT(!s2n_config_set_client_auth_type(pair.client.config.get(), S2N_CERT_AUTH_OPTIONAL));
  const std::string names("\0\x05not a", 7);  // s2n does not look into them
  EXPECT(s2npkey_set_certificate_authorities(pair.server.config.get(),
                                             reinterpret_cast<const uint8_t*>(names.data()),
                                             static_cast<uint32_t>(names.size())));
  pair.Handshake();
  // TLS 1.2 sends its request in plaintext: the length of the list, then the names.
  EXPECT(pair.from_server.find(std::string("\0\x07", 2) + names) != std::string::npos);
}

TEST(the_peers_signature_schemes_are_those_of_its_client_hello) {
  S2nPair pair(kBoth);
  pair.Handshake();
  size_t count = 0;
  const uint16_t* schemes = s2npkey_peer_signature_schemes(pair.server.connection.get(), &count);
  EXPECT(count > 0);
  std::string on_the_wire;
  for (size_t i = 0; i < count; i++) {
    on_the_wire += static_cast<char>(schemes[i] >> 8);
    on_the_wire += static_cast<char>(schemes[i] & 0xff);
  }
  EXPECT(pair.from_client.find(on_the_wire) != std::string::npos);
}

TEST(a_narrowed_policy_negotiates_its_versions_and_no_others) {
  for (const int version : {kTls12Number, kTls13Number}) {
    S2nPair pair(kBoth);
    std::vector<uint64_t> memory(s2npkey_narrowed_policy_size(kBoth) / sizeof(uint64_t) + 1);
    s2npkey_narrow_policy(kBoth, static_cast<uint8_t>(version), static_cast<uint8_t>(version),
                          memory.data());
    EXPECT_EQ(s2npkey_use_narrowed_policy(pair.server.config.get(), memory.data()), 0);
    OpenPair(&pair, version);
  }
}

TEST(s2n_assigns_an_alert_to_its_errors) {
  S2nPair pair(kBoth);
  pair.Begin();
  pair.server.incoming = std::string("\x16\x03\x01\0\x04\x02\0\0\0", 9);  // a ServerHello
  EXPECT(!pair.server.Negotiate());
  const int error = s2n_errno;
  uint8_t alert = 0;
  EXPECT(s2npkey_alert_of_error(error, &alert));
  EXPECT_EQ(static_cast<int>(alert), 10);  // unexpected_message
}

}  // namespace s2npkey::test
