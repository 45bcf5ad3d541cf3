/* Reads and writes two flags of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/half_close.h"

#include "tls/s2n_connection.h"
#include "utils/s2n_atomic.h"

void s2n_pkey_keep_sending(struct s2n_connection* connection) {
  if (connection->actual_protocol_version < S2N_TLS13)
    s2n_atomic_flag_clear(&connection->read_closed);
}

void s2n_pkey_keep_receiving(struct s2n_connection* connection) {
  if (connection->actual_protocol_version < S2N_TLS13)
    s2n_atomic_flag_clear(&connection->write_closed);
}
