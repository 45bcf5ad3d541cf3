/* Reads and writes fields of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/alert.h"

#include "api/s2n.h"
#include "tls/s2n_connection.h"
#include "utils/s2n_atomic.h"

bool s2n_pkey_reads_plaintext(const struct s2n_connection* connection) {
  return (connection->mode == S2N_SERVER ? connection->client : connection->server) ==
         connection->initial;
}

bool s2n_pkey_send_alert(struct s2n_connection* connection, uint8_t alert) {
  if (connection->alert_sent || s2n_atomic_flag_test(&connection->error_alert_received))
    return false;
  connection->delay = 0;
  connection->writer_alert_out = alert;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  return s2n_shutdown_send(connection, &blocked) == S2N_SUCCESS && connection->alert_sent;
}
