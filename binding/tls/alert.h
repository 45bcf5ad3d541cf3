/* Fatal alerts of a handshake, which s2n-tls itself hardly sends: which of its failures may be told
 * at once, and the sending, under whatever keys are in use. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* Whether everything the peer sent so far came in plaintext: nothing was decrypted, so no failure
 * can tell anything of a key. */
bool s2n_pkey_reads_plaintext(const struct s2n_connection* connection);

/* Writes this alert, fatal, in place of s2n's own, without waiting for its blinding delay: whether
 * the delay is needed is the caller's to decide. Nothing is written after an alert of the peer's,
 * or twice. False: it could not be written. */
bool s2n_pkey_send_alert(struct s2n_connection* connection, uint8_t alert);

#ifdef __cplusplus
}
#endif
