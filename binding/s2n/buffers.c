#include <string.h>

#include "s2n/internals.h"
#include "tls/s2n_connection.h"

/* ---- Receiving */

/* `in` is no memory of its own, but the part of `buffer_in` that is the record being read. */
static bool s2npkey_return_partial_record(struct s2n_connection* connection) {
  const uint32_t part = s2n_stuffer_data_available(&connection->in);
  if (connection->in_status != ENCRYPTED) return false;
  connection->in = (struct s2n_stuffer){0};
  connection->buffer_in.tainted = 0;
  return s2n_stuffer_rewind_read(&connection->buffer_in, part) == S2N_SUCCESS;
}

uint32_t s2npkey_buffered_input(const struct s2n_connection* connection) {
  return s2n_stuffer_data_available(&connection->buffer_in) +
         s2n_stuffer_data_available(&connection->in);
}

bool s2npkey_use_receive_buffer(struct s2n_connection* connection, uint8_t* memory,
                                uint32_t arrived, uint32_t size) {
  struct s2n_stuffer* input = &connection->buffer_in;
  struct s2n_stuffer lent = {0};
  struct s2n_blob blob = {0};
  if (!s2npkey_return_partial_record(connection)) return false;
  const uint32_t kept = s2n_stuffer_data_available(input);
  if (s2n_blob_init(&blob, memory, size) != S2N_SUCCESS ||
      s2n_stuffer_init(&lent, &blob) != S2N_SUCCESS ||
      s2n_stuffer_skip_write(&lent, kept + arrived) != S2N_SUCCESS)
    return false;
  if (kept > 0) memcpy(memory, input->blob.data + input->read_cursor, kept);
  if (s2n_stuffer_free(input) != S2N_SUCCESS) return false;
  *input = lent;
  return true;
}

uint8_t* s2npkey_take_plaintext(struct s2n_connection* connection, uint8_t first, uint32_t* size) {
  struct s2n_stuffer* record = &connection->in;
  if (connection->in_status != PLAINTEXT) return NULL;
  uint8_t* plaintext = record->blob.data + record->read_cursor - 1;
  *plaintext = first; /* s2n cleared it */
  *size = 1 + s2n_stuffer_data_available(record);
  /* As s2n_record_wipe does it, but for the plaintext. */
  (void)!s2n_stuffer_wipe(&connection->header_in);
  connection->in = (struct s2n_stuffer){0};
  connection->in_status = ENCRYPTED;
  connection->buffer_in.tainted = 0;
  return plaintext;
}

bool s2npkey_release_receive_buffer(struct s2n_connection* connection) {
  struct s2n_stuffer own = {0};
  const struct s2n_stuffer* lent = &connection->buffer_in;
  bool whole = s2npkey_return_partial_record(connection);
  if (whole) {
    const uint32_t kept = s2n_stuffer_data_available(lent);
    whole = s2n_stuffer_growable_alloc(&own, kept) == S2N_SUCCESS &&
            (kept == 0 || s2n_stuffer_write_bytes(&own, lent->blob.data + lent->read_cursor,
                                                  kept) == S2N_SUCCESS);
  }
  if (!whole) {
    connection->in = (struct s2n_stuffer){0};
    (void)!s2n_stuffer_free(&own);
    (void)!s2n_stuffer_growable_alloc(&own, 0); /* cannot fail without a size */
  }
  connection->buffer_in = own;
  return whole;
}

/* ---- Sending */

bool s2npkey_use_send_buffer(struct s2n_connection* connection, uint8_t* memory, uint32_t size) {
  struct s2n_blob blob = {0};
  if (s2n_stuffer_data_available(&connection->out) > 0) return false;
  if (s2n_stuffer_free(&connection->out) != S2N_SUCCESS) return false;
  if (s2n_blob_init(&blob, memory, size) != S2N_SUCCESS ||
      s2n_stuffer_init(&connection->out, &blob) != S2N_SUCCESS) {
    s2npkey_release_send_buffer(connection);
    return false;
  }
  connection->multirecord_send = 1;
  return true;
}

void s2npkey_release_send_buffer(struct s2n_connection* connection) {
  connection->multirecord_send = 0;
  /* As in a new connection: s2n takes memory when it needs some. Cannot fail without a size. */
  (void)!s2n_stuffer_growable_alloc(&connection->out, 0);
}
