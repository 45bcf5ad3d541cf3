/* The certificates that a peer sent, as s2n-tls parsed them. Its public calls give them only after
 * a verification of its own, and not all of them. */
#pragma once

#include <openssl/x509.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed: valid while the handshake runs. NULL where the peer sent none. */
STACK_OF(X509) * s2n_pkey_peer_chain(struct s2n_connection* connection);

#ifdef __cplusplus
}
#endif
