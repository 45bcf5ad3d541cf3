/* What TLS 1.2's exporter is made of (RFC 5705 section 4), which s2n-tls has no public call for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* The randoms of both hellos, the client's first. */
void s2n_pkey_hello_randoms(const struct s2n_connection* connection, uint8_t randoms[64]);

/* Whether the PRF of the negotiated suite is made of SHA-384; otherwise it is of SHA-256. */
bool s2n_pkey_prf_is_sha384(const struct s2n_connection* connection);

#ifdef __cplusplus
}
#endif
