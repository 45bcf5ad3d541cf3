/* Records that a well-behaved client never sends, but that a hostile one with the right keys can:
 * any content type and any bytes, protected as the connection's own are. */
#pragma once

#include <stdint.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* 0, or less than 0 where s2n has no way to write it. */
int s2npkey_send_record(struct s2n_connection* connection, uint8_t content_type,
                        const uint8_t* bytes, uint32_t length);

/* A key update by itself (RFC 8446 section 4.6.3); what follows is under the new keys. */
int s2npkey_send_key_update(struct s2n_connection* connection);

#ifdef __cplusplus
}
#endif
