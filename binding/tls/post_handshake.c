/* Reads and writes structures of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/post_handshake.h"

#include "error/s2n_errno.h"
#include "tls/s2n_connection.h"
#include "utils/s2n_safety.h"

/* Where messages are counted: s2n itself counts key updates there, for what kTLS reports, and
 * decides nothing by it. The two highest values, which the limit keeps it from, say why the
 * connection is over. */
enum { kFlood = UINT8_MAX, kRecordBoundary = UINT8_MAX - 1 };

static __thread uint32_t tickets_left;

int __real_s2n_key_update_recv(struct s2n_connection* connection, struct s2n_stuffer* request);
int __wrap_s2n_key_update_recv(struct s2n_connection* connection, struct s2n_stuffer* request);
S2N_RESULT __real_s2n_client_hello_request_recv(struct s2n_connection* connection);
S2N_RESULT __wrap_s2n_client_hello_request_recv(struct s2n_connection* connection);
S2N_RESULT __real_s2n_tls13_server_nst_recv(struct s2n_connection* connection,
                                            struct s2n_stuffer* ticket);
S2N_RESULT __wrap_s2n_tls13_server_nst_recv(struct s2n_connection* connection,
                                            struct s2n_stuffer* ticket);

int __wrap_s2n_key_update_recv(struct s2n_connection* connection, struct s2n_stuffer* request) {
  if (connection->recv_key_updated >= S2N_PKEY_MESSAGES_WITHOUT_DATA) {
    connection->recv_key_updated = kFlood;
    POSIX_BAIL(S2N_ERR_BAD_MESSAGE);
  }
  if (s2n_stuffer_data_available(&connection->in) > 0) {
    connection->recv_key_updated = kRecordBoundary;
    POSIX_BAIL(S2N_ERR_BAD_MESSAGE);
  }
  return __real_s2n_key_update_recv(connection, request); /* which counts it */
}

S2N_RESULT __wrap_s2n_client_hello_request_recv(struct s2n_connection* connection) {
  if (connection->recv_key_updated >= S2N_PKEY_MESSAGES_WITHOUT_DATA) {
    connection->recv_key_updated = kFlood;
    RESULT_BAIL(S2N_ERR_BAD_MESSAGE);
  }
  connection->recv_key_updated++;
  return __real_s2n_client_hello_request_recv(connection);
}

S2N_RESULT __wrap_s2n_tls13_server_nst_recv(struct s2n_connection* connection,
                                            struct s2n_stuffer* ticket) {
  if (connection->mode == S2N_CLIENT) {
    if (tickets_left == 0) return S2N_RESULT_OK;
    tickets_left--;
  }
  return __real_s2n_tls13_server_nst_recv(connection, ticket);
}

void s2n_pkey_expect_messages(void) { tickets_left = S2N_PKEY_TICKETS_A_CALL; }

void s2n_pkey_forget_messages(struct s2n_connection* connection) {
  connection->recv_key_updated = 0;
}

enum s2n_pkey_refusal s2n_pkey_refusal_of(const struct s2n_connection* connection) {
  switch (connection->recv_key_updated) {
    case kFlood:
      return S2N_PKEY_REFUSED_FLOOD;
    case kRecordBoundary:
      return S2N_PKEY_REFUSED_RECORD_BOUNDARY;
    default:
      return S2N_PKEY_REFUSED_NOTHING;
  }
}
