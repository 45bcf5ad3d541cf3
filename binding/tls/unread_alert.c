/* Reads and writes structures of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/unread_alert.h"

#include <stdbool.h>

#include "tls/s2n_connection.h"
#include "tls/s2n_record.h"
#include "tls/s2n_tls.h"
#include "tls/s2n_tls13_key_schedule.h"
#include "tls/s2n_tls_parameters.h"

/* A change_cipher_spec of middlebox compatibility (RFC 8446 appendix D.4), the alert, and some. */
enum { kMostRecords = 4 };

/* The type of the next record. Where s2n read more than it took, that lies in its buffer. */
static uint8_t NextType(struct s2n_connection* connection, uint8_t first) {
  struct s2n_stuffer* buffered = &connection->buffer_in;
  if (s2n_stuffer_data_available(buffered) == 0) return first;
  return buffered->blob.data[buffered->read_cursor];
}

int s2n_pkey_read_unread_alert(struct s2n_connection* connection, uint8_t first) {
  if (connection->mode != S2N_SERVER) return -1;
  bool keys = false;
  for (int records = 0; records < kMostRecords; records++) {
    const uint8_t outer = NextType(connection, first);
    first = 0; /* from now on only what s2n has read */
    if (outer == TLS_APPLICATION_DATA && !keys) {
      /* s2n installs the client's keys only with the server's Finished. */
      if (connection->actual_protocol_version < S2N_TLS13) return -1;
      if (s2n_result_is_error(
              s2n_tls13_key_schedule_set_key(connection, S2N_HANDSHAKE_SECRET, S2N_CLIENT)))
        return -1;
      keys = true;
    } else if (outer == TLS_ALERT
                   ? keys
                   : outer != TLS_CHANGE_CIPHER_SPEC && !(keys && outer == TLS_APPLICATION_DATA)) {
      return -1;
    }
    uint8_t type = 0;
    int version2 = 0;
    if (s2n_read_full_record(connection, &type, &version2) != S2N_SUCCESS || version2) return -1;
    if (type == TLS_ALERT) { /* its level, its description; 0 is close_notify */
      if (s2n_stuffer_data_available(&connection->in) != 2) return -1;
      const uint8_t description = connection->in.blob.data[connection->in.read_cursor + 1];
      return description == 0 ? -1 : description;
    }
    if (s2n_result_is_error(s2n_record_wipe(connection))) return -1;
  }
  return -1;
}
