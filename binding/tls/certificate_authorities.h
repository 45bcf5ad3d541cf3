/* What a request for a client's certificate names, on both sides of it. s2n-tls's own calls take
 * the names of a trust store of its own, and tell nothing of the signatures that are asked for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s2n_config;
struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* A server's: `names` (copied) are authorities' distinguished names, DER, each after its length in
 * two bytes (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4). False: no memory. */
bool s2n_pkey_name_authorities(struct s2n_config* config, const uint8_t* names, uint32_t length);

/* A client's: the signature schemes that the server takes, by IANA's numbers. Borrowed. */
const uint16_t* s2n_pkey_peer_schemes(const struct s2n_connection* connection, size_t* count);

/* A client's, while it is asked for a certificate: s2n-tls chooses a scheme for the one that the
 * configuration has. This one goes on with another configuration, which differs in that alone. */
void s2n_pkey_go_on_with(struct s2n_connection* connection, struct s2n_config* config);

#ifdef __cplusplus
}
#endif
