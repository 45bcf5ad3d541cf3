/* Writes structures of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/lent_output.h"

#include "tls/s2n_connection.h"

bool s2n_pkey_lend_output(struct s2n_connection* connection, uint8_t* memory, uint32_t size) {
  struct s2n_blob blob = {0};
  if (s2n_stuffer_data_available(&connection->out) > 0) return false;
  if (s2n_stuffer_free(&connection->out) != S2N_SUCCESS) return false;
  if (s2n_blob_init(&blob, memory, size) != S2N_SUCCESS ||
      s2n_stuffer_init(&connection->out, &blob) != S2N_SUCCESS) {
    s2n_pkey_take_output_back(connection);
    return false;
  }
  connection->multirecord_send = 1;
  return true;
}

void s2n_pkey_take_output_back(struct s2n_connection* connection) {
  connection->multirecord_send = 0;
  /* As in a new connection: s2n takes memory when it needs some. Cannot fail without a size. */
  (void)!s2n_stuffer_growable_alloc(&connection->out, 0);
}
