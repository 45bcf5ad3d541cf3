/* Handlers of s2n-tls that the linker replaces by these (--wrap, see CMakeLists.txt). */
#include <string.h>

#include "error/s2n_errno.h"
#include "s2n/internals.h"
#include "stuffer/s2n_stuffer.h"
#include "tls/extensions/s2n_client_alpn.h"
#include "tls/extensions/s2n_server_alpn.h"
#include "tls/s2n_config.h"
#include "tls/s2n_connection.h"
#include "tls/s2n_protocol_preferences.h"
#include "tls/s2n_psk.h"
#include "utils/s2n_safety.h"

/* ---- Messages after the handshake */

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
  if (connection->recv_key_updated >= S2NPKEY_MESSAGES_WITHOUT_DATA) {
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
  if (connection->recv_key_updated >= S2NPKEY_MESSAGES_WITHOUT_DATA) {
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

void s2npkey_begin_receiving(void) { tickets_left = S2NPKEY_TICKETS_A_CALL; }

void s2npkey_reset_message_count(struct s2n_connection* connection) {
  connection->recv_key_updated = 0;
}

enum s2npkey_refusal s2npkey_refusal_of(const struct s2n_connection* connection) {
  switch (connection->recv_key_updated) {
    case kFlood:
      return S2NPKEY_REFUSED_FLOOD;
    case kRecordBoundary:
      return S2NPKEY_REFUSED_RECORD_BOUNDARY;
    default:
      return S2NPKEY_REFUSED_NOTHING;
  }
}

/* ---- ALPN lists of two bytes: one protocol whose name is one letter. s2n-tls takes them for
 * malformed and ignores the extension, on both sides. All other lists are left to it. */

extern const s2n_extension_type __real_s2n_client_alpn_extension;
extern const s2n_extension_type __real_s2n_server_alpn_extension;

/* The name in the list, as it is behind its length; NULL: it is another list. */
static uint8_t* short_list_in(const struct s2n_stuffer* extension) {
  static const uint8_t head[] = {0, 2, 1};
  uint8_t* wire = extension->blob.data + extension->read_cursor;
  const uint32_t size = extension->write_cursor - extension->read_cursor;
  if (size != sizeof head + 1 || memcmp(wire, head, sizeof head) != 0) return NULL;
  return wire + 2;
}

static int receive_offer(struct s2n_connection* connection, struct s2n_stuffer* extension) {
  uint8_t* list = short_list_in(extension);
  if (list == NULL) return __real_s2n_client_alpn_extension.recv(connection, extension);
  struct s2n_blob* supported = NULL;
  POSIX_GUARD(s2n_connection_get_protocol_preferences(connection, &supported));
  POSIX_ENSURE_REF(supported);
  if (supported->size == 0) return S2N_SUCCESS;
  struct s2n_blob offered = {0};
  POSIX_GUARD(s2n_blob_init(&offered, list, 2));
  struct s2n_stuffer preferences = {0};
  POSIX_GUARD(s2n_stuffer_init(&preferences, supported));
  POSIX_GUARD(s2n_stuffer_skip_write(&preferences, supported->size));
  POSIX_GUARD_RESULT(s2n_select_server_preference_protocol(connection, &preferences, &offered));
  return S2N_SUCCESS;
}

static int receive_choice(struct s2n_connection* connection, struct s2n_stuffer* extension) {
  const uint8_t* list = short_list_in(extension);
  if (list == NULL) return __real_s2n_server_alpn_extension.recv(connection, extension);
  connection->application_protocol[0] = (char)list[1];
  connection->application_protocol[1] = '\0';
  return S2N_SUCCESS;
}

static int send_offer(struct s2n_connection* connection, struct s2n_stuffer* out) {
  return __real_s2n_client_alpn_extension.send(connection, out);
}

static int send_choice(struct s2n_connection* connection, struct s2n_stuffer* out) {
  return __real_s2n_server_alpn_extension.send(connection, out);
}

const s2n_extension_type __wrap_s2n_client_alpn_extension = {
    .iana_value = TLS_EXTENSION_ALPN,
    .is_response = false,
    .send = send_offer,
    .recv = receive_offer,
    .should_send = s2n_client_alpn_should_send,
    .if_missing = s2n_extension_noop_if_missing,
};

const s2n_extension_type __wrap_s2n_server_alpn_extension = {
    .iana_value = TLS_EXTENSION_ALPN,
    .is_response = true,
    .send = send_choice,
    .recv = receive_choice,
    .should_send = s2n_server_alpn_should_send,
    .if_missing = s2n_extension_noop_if_missing,
};
