/* Which TLS 1.3 sessions get new tickets when they are resumed. By itself s2n-tls sends them with
 * each resumed handshake. The sender is wrapped at link time (see CMakeLists.txt). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Seconds. A client that comes back at once still has the tickets of its full handshake, and gets
 * none, as with OpenSSL in Node. One that comes later gets new ones, since browsers, Java and curl
 * use each ticket once (RFC 8446 appendix C.4), and a full handshake costs a signature. */
#define S2N_PKEY_TICKET_RENEWED_AFTER 5

/* Of the ticket that the client showed; both in nanoseconds since 1970. */
bool s2n_pkey_renews_ticket(uint64_t issued, uint64_t now);

#ifdef __cplusplus
}
#endif
