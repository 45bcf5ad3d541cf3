/* Memory of the caller's in which s2n-tls receives, and decrypts in place. By itself it copies each
 * record out of what was read, and its plaintext once more, and clears what it copied from. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that s2n keeps of records that it has not decrypted, as their rest has not come. */
uint32_t s2n_pkey_kept_input(const struct s2n_connection* connection);

/* s2n goes on with what it keeps, which is copied to `memory`, and with the `arrived` bytes that
 * are there right behind it already; it may write to all `size` bytes. Until it is taken back.
 * False: not now. */
bool s2n_pkey_lend_input(struct s2n_connection* connection, uint8_t* memory, uint32_t arrived,
                         uint32_t size);

/* After s2n_recv gave the `first` byte: all plaintext of that record, where it was decrypted, for
 * as long as the memory is lent. s2n goes on with the next. NULL: it held no more than that byte.
 */
uint8_t* s2n_pkey_take_plaintext(struct s2n_connection* connection, uint8_t first, uint32_t* size);

/* False: s2n found no memory to keep the rest in, or failed before. It cannot receive any more. */
bool s2n_pkey_take_input_back(struct s2n_connection* connection);

#ifdef __cplusplus
}
#endif
