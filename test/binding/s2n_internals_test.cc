// What binding/s2n assumes about s2n-tls's internal structures, each by what s2n then does. The
// rest is held where it is used: peer_chain by peer_verification_test.cc, the limits of messages by
// rationing_test.cc, a pending alert by test/tls/alerts.test.ts, replace_config by
// test/tls/client-certificates.test.ts.
#include "s2n/internals.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "test.h"
#include "test_identity.h"
#include "test_peer.h"
#include "tls/library.h"
#include "tls/s2n_handles.h"

namespace s2npkey::test {

namespace {

constexpr char kTls12[] = "20240501";  // TLS 1.2 at most
constexpr char kBoth[] = "default_tls13";
constexpr int kTls12Number = 33;
constexpr int kTls13Number = 34;

// One side of a connection whose bytes the test carries.
struct End {
  explicit End(s2n_mode mode, const char* policy)
      : config((tls::InitializeLibrary(), s2n_config_new_minimal())),
        connection(s2n_connection_new(mode)) {
    if (s2n_config_set_cipher_preferences(config.get(), policy) ||
        s2n_config_disable_x509_verification(config.get()))
      std::abort();
    if (mode == S2N_SERVER) {
      chain.reset(s2n_cert_chain_and_key_new());
      if (s2n_cert_chain_and_key_load_pem(chain.get(), P256().certificate_pem.c_str(),
                                          P256().private_key_pem.c_str()) ||
          s2n_config_add_cert_chain_and_key_to_store(config.get(), chain.get()))
        std::abort();
    }
  }

  // Once the configuration is complete.
  void Begin() {
    s2n_connection* own = connection.get();
    if (s2n_connection_set_config(own, config.get()) ||
        s2n_connection_set_blinding(own, S2N_SELF_SERVICE_BLINDING) ||
        s2n_connection_set_recv_buffering(own, true) || s2n_connection_set_recv_cb(own, Take) ||
        s2n_connection_set_recv_ctx(own, this) || s2n_connection_set_send_cb(own, Give) ||
        s2n_connection_set_send_ctx(own, this))
      std::abort();
  }

  static int Take(void* context, uint8_t* buffer, uint32_t length) {
    std::string& incoming = static_cast<End*>(context)->incoming;
    if (incoming.empty()) {
      errno = EAGAIN;
      return -1;
    }
    const size_t taken = std::min<size_t>(length, incoming.size());
    std::memcpy(buffer, incoming.data(), taken);
    incoming.erase(0, taken);
    return static_cast<int>(taken);
  }

  static int Give(void* context, const uint8_t* data, uint32_t length) {
    auto* self = static_cast<End*>(context);
    self->given.emplace_back(data, length);
    self->outgoing.append(reinterpret_cast<const char*>(data), length);
    return static_cast<int>(length);
  }

  bool Negotiate() {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    return s2n_negotiate(connection.get(), &blocked) == S2N_SUCCESS;
  }

  bool Send(const std::string& text) {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    return s2n_send(connection.get(), text.data(), static_cast<ssize_t>(text.size()), &blocked) ==
           static_cast<ssize_t>(text.size());
  }

  // Nothing: an end, an error, or not now.
  std::string Receive(size_t most = 65536) {
    std::string buffer(most, '\0');
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    s2npkey_begin_receiving();
    const ssize_t received =
        s2n_recv(connection.get(), buffer.data(), static_cast<ssize_t>(most), &blocked);
    buffer.resize(received > 0 ? static_cast<size_t>(received) : 0);
    return buffer;
  }

  bool CloseNotify() {
    s2n_blocked_status blocked = S2N_NOT_BLOCKED;
    return s2n_shutdown_send(connection.get(), &blocked) == S2N_SUCCESS;
  }

  tls::CertificateChainHandle chain;
  tls::ConfigHandle config;
  tls::ConnectionHandle connection;
  std::string incoming;
  std::string outgoing;
  std::vector<std::pair<const uint8_t*, uint32_t>> given;  // what each send callback was given
};

void Carry(End* from, End* to) {
  to->incoming += from->outgoing;
  from->outgoing.clear();
}

struct Pair {
  explicit Pair(const char* policy) : client(S2N_CLIENT, policy), server(S2N_SERVER, policy) {}

  void Begin() {
    client.Begin();
    server.Begin();
  }

  void Handshake() {
    Begin();
    bool client_done = false;
    bool server_done = false;
    for (int flight = 0; flight < 8 && !(client_done && server_done); flight++) {
      client_done = client_done || client.Negotiate();
      from_client += client.outgoing;
      Carry(&client, &server);
      server_done = server_done || server.Negotiate();
      from_server += server.outgoing;
      Carry(&server, &client);
    }
    EXPECT(client_done && server_done);
    client.given.clear();
    server.given.clear();
  }

  int Version() { return s2n_connection_get_actual_protocol_version(server.connection.get()); }

  End client;
  End server;
  std::string from_client;  // the handshake, as it went over the wire
  std::string from_server;
};

void Open(Pair* pair, int version) {
  pair->Handshake();
  EXPECT_EQ(pair->Version(), version);
}

}  // namespace

TEST(s2n_reads_plaintext_until_the_handshake_has_keys) {
  for (const char* policy : {kTls12, kBoth}) {
    Pair pair(policy);
    pair.Begin();
    EXPECT(!pair.client.Negotiate());
    Carry(&pair.client, &pair.server);
    EXPECT(s2npkey_reads_plaintext(pair.server.connection.get()));
    Pair open(policy);
    open.Handshake();
    EXPECT(!s2npkey_reads_plaintext(open.server.connection.get()));
    EXPECT(!s2npkey_reads_plaintext(open.client.connection.get()));
  }
}

TEST(s2n_writes_the_alert_it_is_given_at_once_and_only_once) {
  Pair pair(kBoth);
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
    Pair pair(policy);
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
  Pair pair(kTls12);
  Open(&pair, kTls12Number);
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
  Pair pair(kBoth);
  Open(&pair, kTls13Number);
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
    Pair pair(policy);
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
  Pair pair(kBoth);
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
    Pair pair(policy);
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
  Pair pair(kTls12);
  Open(&pair, kTls12Number);
  uint8_t randoms[64];
  s2npkey_hello_randoms(pair.server.connection.get(), randoms);
  // A record's header, a message's, and the version: 5, 4 and 2 bytes.
  EXPECT(std::memcmp(randoms, pair.from_client.data() + 11, 32) == 0);
  EXPECT(std::memcmp(randoms + 32, pair.from_server.data() + 11, 32) == 0);
}

namespace {

// What the callback of a private-key operation saw.
struct Asked {
  std::vector<uint8_t> input;
  std::vector<uint8_t> transcript_hash;
};

int NoteOperation(s2n_connection* connection, s2n_async_pkey_op* operation) {
  auto* asked = static_cast<Asked*>(s2n_connection_get_ctx(connection));
  uint32_t size = 0;
  s2n_async_pkey_op_get_input_size(operation, &size);
  asked->input.resize(size);
  s2n_async_pkey_op_get_input(operation, asked->input.data(), size);
  uint8_t hash[S2NPKEY_TRANSCRIPT_HASH_SIZE];
  asked->transcript_hash.assign(hash, hash + s2npkey_transcript_hash(connection, hash));
  s2n_async_pkey_op_free(operation);
  return S2N_SUCCESS;
}

// What a server asks to sign for one hello of a client.
Asked AskedBy(const char* policy) {
  Pair pair(policy);
  Asked asked;
  EXPECT(!s2n_config_set_async_pkey_callback(pair.server.config.get(), NoteOperation));
  pair.Begin();
  EXPECT(!s2n_connection_set_ctx(pair.server.connection.get(), &asked));
  for (int flight = 0; flight < 4 && asked.input.empty(); flight++) {
    pair.client.Negotiate();
    Carry(&pair.client, &pair.server);
    pair.server.Negotiate();
    Carry(&pair.server, &pair.client);
  }
  return asked;
}

}  // namespace

TEST(the_transcript_hash_is_the_one_whose_content_is_to_be_signed) {
  const Asked asked = AskedBy(kBoth);
  EXPECT(asked.transcript_hash.size() == 32 || asked.transcript_hash.size() == 48);
  std::string content = std::string(64, ' ') + "TLS 1.3, server CertificateVerify";
  content.push_back('\0');
  content.append(asked.transcript_hash.begin(), asked.transcript_hash.end());
  uint8_t digest[32];
  SHA256(reinterpret_cast<const uint8_t*>(content.data()), content.size(), digest);
  EXPECT(asked.input == std::vector<uint8_t>(digest, digest + 32));
}

TEST(below_tls_13_there_is_no_transcript_hash_to_sign) {
  const Asked asked = AskedBy(kTls12);
  EXPECT(!asked.input.empty());
  EXPECT(asked.transcript_hash.empty());
}

TEST(the_hash_of_the_prf_is_that_of_the_suites_name) {
  for (const char* policy : {kTls12, kBoth}) {
    Pair pair(policy);
    pair.Handshake();
    const std::string suite = s2n_connection_get_cipher(pair.server.connection.get());
    const bool named = suite.find("SHA384") != std::string::npos;
    EXPECT_EQ(s2npkey_prf_is_sha384(pair.server.connection.get()), named);
  }
}

TEST(a_server_names_the_authorities_it_is_given_in_its_request) {
  Pair pair(kTls12);
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
  Pair pair(kBoth);
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
    Pair pair(kBoth);
    std::vector<uint64_t> memory(s2npkey_narrowed_policy_size(kBoth) / sizeof(uint64_t) + 1);
    s2npkey_narrow_policy(kBoth, static_cast<uint8_t>(version), static_cast<uint8_t>(version),
                          memory.data());
    EXPECT_EQ(s2npkey_use_narrowed_policy(pair.server.config.get(), memory.data()), 0);
    Open(&pair, version);
  }
}

TEST(s2n_assigns_an_alert_to_its_errors) {
  Pair pair(kBoth);
  pair.Begin();
  pair.server.incoming = std::string("\x16\x03\x01\0\x04\x02\0\0\0", 9);  // a ServerHello
  EXPECT(!pair.server.Negotiate());
  const int error = s2n_errno;
  uint8_t alert = 0;
  EXPECT(s2npkey_alert_of_error(error, &alert));
  EXPECT_EQ(static_cast<int>(alert), 10);  // unexpected_message
}

}  // namespace s2npkey::test
