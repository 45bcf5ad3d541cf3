/* ALPN lists of two bytes: one protocol whose name is one letter. s2n-tls takes them for malformed
 * and ignores the extension, on both sides. Its handlers are replaced at link time (see
 * CMakeLists.txt) by these, which leave all other lists to them. */
#include "stuffer/s2n_stuffer.h"
#include "tls/extensions/s2n_client_alpn.h"
#include "tls/extensions/s2n_server_alpn.h"
#include "tls/s2n_connection.h"
#include "tls/s2n_protocol_preferences.h"
#include "utils/s2n_safety.h"

extern const s2n_extension_type __real_s2n_client_alpn_extension;
extern const s2n_extension_type __real_s2n_server_alpn_extension;

/* The name in the list, as it is behind its length; NULL: it is another list. */
static uint8_t* ShortListIn(const struct s2n_stuffer* extension) {
  static const uint8_t kHead[] = {0, 2, 1};
  uint8_t* wire = extension->blob.data + extension->read_cursor;
  const uint32_t size = extension->write_cursor - extension->read_cursor;
  if (size != sizeof kHead + 1 || memcmp(wire, kHead, sizeof kHead) != 0) return NULL;
  return wire + 2;
}

static int ReceiveOffer(struct s2n_connection* connection, struct s2n_stuffer* extension) {
  uint8_t* list = ShortListIn(extension);
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

static int ReceiveChoice(struct s2n_connection* connection, struct s2n_stuffer* extension) {
  const uint8_t* list = ShortListIn(extension);
  if (list == NULL) return __real_s2n_server_alpn_extension.recv(connection, extension);
  connection->application_protocol[0] = (char)list[1];
  connection->application_protocol[1] = '\0';
  return S2N_SUCCESS;
}

static int SendOffer(struct s2n_connection* connection, struct s2n_stuffer* out) {
  return __real_s2n_client_alpn_extension.send(connection, out);
}

static int SendChoice(struct s2n_connection* connection, struct s2n_stuffer* out) {
  return __real_s2n_server_alpn_extension.send(connection, out);
}

const s2n_extension_type __wrap_s2n_client_alpn_extension = {
    .iana_value = TLS_EXTENSION_ALPN,
    .is_response = false,
    .send = SendOffer,
    .recv = ReceiveOffer,
    .should_send = s2n_client_alpn_should_send,
    .if_missing = s2n_extension_noop_if_missing,
};

const s2n_extension_type __wrap_s2n_server_alpn_extension = {
    .iana_value = TLS_EXTENSION_ALPN,
    .is_response = true,
    .send = SendChoice,
    .recv = ReceiveChoice,
    .should_send = s2n_server_alpn_should_send,
    .if_missing = s2n_extension_noop_if_missing,
};
