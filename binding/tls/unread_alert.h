/* Reads the alert that a client sent before it hung up, in a handshake that waits for a signature:
 * s2n-tls does not read then. */
#pragma once

#include <stdint.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* The description of the fatal alert (RFC 8446 section 6.2) among the next few records of a
 * server's connection; -1: there is none, or it cannot be read. `first` is the first byte that the
 * descriptor holds. The connection can only be freed after it. */
int s2n_pkey_read_unread_alert(struct s2n_connection* connection, uint8_t first);

#ifdef __cplusplus
}
#endif
