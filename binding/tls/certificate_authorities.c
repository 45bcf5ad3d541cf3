/* Reads and writes fields of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/certificate_authorities.h"

#include <string.h>

#include "tls/s2n_config.h"
#include "tls/s2n_connection.h"
#include "utils/s2n_mem.h"

bool s2n_pkey_name_authorities(struct s2n_config* config, const uint8_t* names, uint32_t length) {
  if (s2n_realloc(&config->cert_authorities, length) != S2N_SUCCESS) return false;
  memcpy(config->cert_authorities.data, names, length);
  return true;
}

const uint16_t* s2n_pkey_peer_schemes(const struct s2n_connection* connection, size_t* count) {
  const struct s2n_sig_scheme_list* schemes = &connection->handshake_params.peer_sig_scheme_list;
  *count = schemes->len;
  return schemes->iana_list;
}

void s2n_pkey_go_on_with(struct s2n_connection* connection, struct s2n_config* config) {
  connection->config = config;
}
