/* Bounds what s2n-tls does for messages that come after the handshake. By itself it processes any
 * number of them, also of one record: 3,000 key updates fit in one, and derive keys for 4 ms. The
 * handlers named here are wrapped at link time (see CMakeLists.txt), before they do any work. */
#pragma once

#include <stdint.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* Key updates, and requests for renegotiation, that a peer may send without data in between. As
 * many as OpenSSL takes. */
#define S2N_PKEY_MESSAGES_WITHOUT_DATA 32
/* Session tickets looked at in one call to s2n_recv; the others are dropped unread. */
#define S2N_PKEY_TICKETS_A_CALL 16

enum s2n_pkey_refusal {
  S2N_PKEY_REFUSED_NOTHING,
  /* More messages without data than the limit. */
  S2N_PKEY_REFUSED_FLOOD,
  /* Something follows a key update in its record (RFC 8446 section 5.1). */
  S2N_PKEY_REFUSED_RECORD_BOUNDARY,
};

/* Before a call to s2n_recv, on the thread that calls it. */
void s2n_pkey_expect_messages(void);

/* Data came: messages are counted from here. */
void s2n_pkey_forget_messages(struct s2n_connection* connection);

/* Why s2n_recv failed, as far as it is of this file's doing. */
enum s2n_pkey_refusal s2n_pkey_refusal_of(const struct s2n_connection* connection);

#ifdef __cplusplus
}
#endif
