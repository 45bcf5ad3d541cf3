/* Reads and writes structures of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/renewed_tickets.h"

#include "tls/s2n_config.h"
#include "tls/s2n_connection.h"
#include "tls/s2n_psk.h"
#include "utils/s2n_safety.h"

S2N_RESULT __real_s2n_tls13_server_nst_send(struct s2n_connection* connection,
                                            s2n_blocked_status* blocked);
S2N_RESULT __wrap_s2n_tls13_server_nst_send(struct s2n_connection* connection,
                                            s2n_blocked_status* blocked);

bool s2n_pkey_renews_ticket(uint64_t issued, uint64_t now) {
  return now >= issued && now - issued >= S2N_PKEY_TICKET_RENEWED_AFTER * 1000000000ULL;
}

S2N_RESULT __wrap_s2n_tls13_server_nst_send(struct s2n_connection* connection,
                                            s2n_blocked_status* blocked) {
  RESULT_ENSURE_REF(connection);
  const struct s2n_psk* shown = connection->psk_params.chosen_psk;
  if (connection->mode == S2N_SERVER && shown != NULL && connection->tickets_sent == 0 &&
      connection->tickets_to_send > 0) {
    uint64_t now = 0;
    RESULT_GUARD(s2n_config_wall_clock(connection->config, &now));
    if (!s2n_pkey_renews_ticket(shown->ticket_issue_time, now)) connection->tickets_to_send = 0;
  }
  return __real_s2n_tls13_server_nst_send(connection, blocked);
}
