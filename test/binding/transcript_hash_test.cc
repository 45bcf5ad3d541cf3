// What a signature of a handshake is about, as binding/s2n reads it beside s2n's digest.
#include <openssl/sha.h>

#include <cstdint>
#include <string>
#include <vector>

#include "s2n/internals.h"
#include "s2n_pair.h"
#include "test.h"

namespace s2npkey::test {

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
  S2nPair pair(policy);
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

}  // namespace s2npkey::test
