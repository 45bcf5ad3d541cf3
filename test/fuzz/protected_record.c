/* Calls s2n-tls's own record layer (see CMakeLists.txt for its internal headers). */
#include "protected_record.h"

#include "tls/s2n_connection.h"
#include "tls/s2n_key_update.h"
#include "tls/s2n_record.h"
#include "tls/s2n_tls.h"
#include "utils/s2n_safety.h"

int s2npkey_send_record(struct s2n_connection* connection, uint8_t content_type,
                        const uint8_t* bytes, uint32_t length) {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  struct s2n_blob content = {0};
  POSIX_GUARD(s2n_flush(connection, &blocked));
  POSIX_GUARD(s2n_blob_init(&content, (uint8_t*)(uintptr_t)bytes, length));
  POSIX_GUARD_RESULT(s2n_record_write(connection, content_type, &content));
  return s2n_flush(connection, &blocked);
}

int s2npkey_send_key_update(struct s2n_connection* connection) {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  POSIX_GUARD(s2n_connection_request_key_update(connection, S2N_KEY_UPDATE_NOT_REQUESTED));
  return s2n_key_update_send(connection, &blocked);
}
