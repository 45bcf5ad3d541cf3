/* Half-close below TLS 1.3. s2n-tls lets neither direction outlive the other there, as RFC 5246
 * section 7.2.1 asks for; OpenSSL, and so every Node program, lets them: `socket.end(request)` and
 * then a long answer is common. */
#pragma once

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* After the peer's close_notify, or its FIN alone: sending goes on. The caller must not receive
 * again. */
void s2n_pkey_keep_sending(struct s2n_connection* connection);

/* After our close_notify: receiving goes on. The caller must not send again. */
void s2n_pkey_keep_receiving(struct s2n_connection* connection);

#ifdef __cplusplus
}
#endif
