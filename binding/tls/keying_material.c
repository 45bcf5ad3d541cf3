/* Reads structures of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/keying_material.h"

#include <string.h>

#include "tls/s2n_cipher_suites.h"
#include "tls/s2n_connection.h"

void s2n_pkey_hello_randoms(const struct s2n_connection* connection, uint8_t randoms[64]) {
  memcpy(randoms, connection->client_hello.random, 32);
  memcpy(randoms + 32, connection->handshake_params.server_random, 32);
}

bool s2n_pkey_prf_is_sha384(const struct s2n_connection* connection) {
  return connection->secure->cipher_suite->prf_alg == S2N_HMAC_SHA384;
}
