/* What this package needs of s2n-tls and s2n-tls has no public call for. Only the C files of this
 * folder read or write its internal structures: they are compiled in its own CMake target, so with
 * its definitions. reviewed.cmake names the version that they were checked against, and
 * test/binding/s2n_internals_test.cc holds each assumption.
 *
 * The prefix is s2npkey_, because s2n-tls itself has functions that begin with s2n_pkey_.
 * A connection is used by one thread at a time. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s2n_cert_chain_and_key;
struct s2n_config;
struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Alerts (connection.c). s2n-tls itself hardly sends any while it shakes hands. */

/* The alert that s2n-tls assigns to one of its errors. False: none. */
bool s2npkey_alert_of_error(int error, uint8_t* alert);

/* Whether everything the peer sent so far came in plaintext. Nothing was decrypted then, so no
 * failure reveals anything about a key. */
bool s2npkey_reads_plaintext(const struct s2n_connection* connection);

/* Writes this fatal alert under the current keys, in place of s2n's own and without its blinding
 * delay: the caller decides whether the delay is needed. Writes nothing after an alert of the
 * peer's, or twice. False: it could not be written. */
bool s2npkey_send_alert(struct s2n_connection* connection, uint8_t alert);

/* The description of the fatal alert (RFC 8446 section 6.2) among the next few records of a
 * server's connection; -1: there is none, or it cannot be read. s2n-tls does not read while a
 * handshake waits for a signature, so the alert of a client that hangs up then lies unread. `first`
 * is the first byte that the descriptor holds. Afterwards the connection can only be freed. */
int s2npkey_read_pending_alert(struct s2n_connection* connection, uint8_t first);

/* ---- Half-close below TLS 1.3 (connection.c). s2n-tls closes both directions at once, as RFC 5246
 * section 7.2.1 asks. OpenSSL, and so every Node program, does not: `socket.end(request)` and then
 * a long answer is common. Neither changes anything in TLS 1.3. */

/* After the peer's close_notify or bare FIN: sending goes on. The caller must not receive again. */
void s2npkey_keep_write_side_open(struct s2n_connection* connection);

/* After our close_notify: receiving goes on. The caller must not send again. */
void s2npkey_keep_read_side_open(struct s2n_connection* connection);

/* ---- Messages after the handshake (handlers.c). s2n-tls processes any number of them: one
 * record holds 3,000 key updates, which take 4 ms. --wrap puts our functions before its handlers
 * (see CMakeLists.txt). */

/* Key updates, and requests for renegotiation, that a peer may send without data in between. The
 * limit is OpenSSL's. */
#define S2NPKEY_MESSAGES_WITHOUT_DATA 32
/* Session tickets processed in one call to s2n_recv. Further ones are dropped unread. */
#define S2NPKEY_TICKETS_A_CALL 16

enum s2npkey_refusal {
  S2NPKEY_REFUSED_NOTHING,
  /* More messages without data than the limit. */
  S2NPKEY_REFUSED_FLOOD,
  /* Something follows a key update in its record (RFC 8446 section 5.1). */
  S2NPKEY_REFUSED_RECORD_BOUNDARY,
};

/* Before each call to s2n_recv, on the thread that calls it. */
void s2npkey_begin_receiving(void);

/* After data arrived: messages are counted from here. */
void s2npkey_reset_message_count(struct s2n_connection* connection);

/* Why s2n_recv failed, if one of these limits was the reason. */
enum s2npkey_refusal s2npkey_refusal_of(const struct s2n_connection* connection);

/* ---- Certificates (connection.c) */

/* The certificates that the peer sent, as s2n-tls parsed them. Its public calls return them only
 * after its own verification, and not all of them. Borrowed while the handshake runs. NULL: the
 * peer sent none. */
STACK_OF(X509) * s2npkey_peer_chain(struct s2n_connection* connection);

/* Names the authorities in a server's request for a certificate; s2n-tls takes them only from a
 * trust store of its own. `names` (copied) are distinguished names in DER, each after its length in
 * two bytes (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4). False: no memory. */
bool s2npkey_set_certificate_authorities(struct s2n_config* config, const uint8_t* names,
                                         uint32_t length);

/* s2n-tls begins the hash of an ML-DSA signature with the public key, and reads that key out of the
 * place of the private one, which is empty where a signer has the private key: without this call
 * every ML-DSA handshake of such a chain fails. Puts the leaf's public key there; it is freed with
 * the chain. Call it once, after the chain was loaded. Returns 0, or -1 and s2n_errno. */
int s2npkey_use_public_key(struct s2n_cert_chain_and_key* chain);

/* IANA's number of the scheme under which this side signs the handshake. s2n-tls's own call names
 * the server's on both sides. 0: none was chosen. */
uint16_t s2npkey_own_signature_scheme(const struct s2n_connection* connection);

/* The signature schemes that the peer accepts, by IANA's numbers. Borrowed. */
const uint16_t* s2npkey_peer_signature_schemes(const struct s2n_connection* connection,
                                               size_t* count);

/* Gives a client another configuration while the server asks it for a certificate. It may differ in
 * its certificate alone: s2n-tls chooses the scheme for the certificate of the configuration. */
void s2npkey_replace_config(struct s2n_connection* connection, struct s2n_config* config);

/* ---- The transcript (connection.c). s2n-tls hands out the digest that is to be signed, and not
 * what it is the digest of. */

/* Bytes of the longest hash of a TLS 1.3 suite: SHA-384. */
#define S2NPKEY_TRANSCRIPT_HASH_SIZE 48

/* The transcript hash of a TLS 1.3 handshake up to its last message (RFC 8446 section 4.4.1): while
 * a private-key operation is asked for, what a CertificateVerify is about (section 4.4.3). Returns
 * its bytes; 0: there is none, such as in TLS 1.2. Uses the connection's scratch hash, which s2n
 * does not rely on between calls. */
size_t s2npkey_transcript_hash(struct s2n_connection* connection,
                               uint8_t hash[S2NPKEY_TRANSCRIPT_HASH_SIZE]);

/* ---- Key material of TLS 1.2's exporter (connection.c), RFC 5705 section 4 */

/* The randoms of both hellos, the client's first. */
void s2npkey_hello_randoms(const struct s2n_connection* connection, uint8_t randoms[64]);

/* Whether the negotiated suite's PRF uses SHA-384; otherwise it uses SHA-256. */
bool s2npkey_prf_is_sha384(const struct s2n_connection* connection);

/* ---- The caller's buffers (buffers.c) */

/* Receiving. s2n-tls decrypts in place in the caller's memory. Without it, s2n copies each record
 * out of what it read, copies the plaintext once more, and clears both. */

/* Bytes of incomplete records that s2n holds. */
uint32_t s2npkey_buffered_input(const struct s2n_connection* connection);

/* s2n copies what it holds to `memory` and continues there, with the `arrived` bytes that already
 * lie right behind. It may write to all `size` bytes until the buffer is released. False: not now.
 */
bool s2npkey_use_receive_buffer(struct s2n_connection* connection, uint8_t* memory,
                                uint32_t arrived, uint32_t size);

/* After s2n_recv returned the `first` byte of a record: all plaintext of that record, where it was
 * decrypted, valid until the buffer is released. s2n continues with the next record. NULL: the
 * record held no more than that byte. */
uint8_t* s2npkey_take_plaintext(struct s2n_connection* connection, uint8_t first, uint32_t* size);

/* False: s2n has no memory for the rest, or failed before. It cannot receive any more. */
bool s2npkey_release_receive_buffer(struct s2n_connection* connection);

/* Sending. s2n-tls writes records one after the other into the caller's memory, and hands them over
 * when all data is taken or the next record would not fit. Without it, s2n keeps a buffer of one
 * record for each connection and hands over one record at a time. False: not now.
 *
 * The public s2n_config_set_send_buffer_size also gathers records, but in a buffer of this size for
 * each connection that sends (s2n-tls recommends at least 35 KB for records of 16 KiB). It would
 * lie in locked memory, of which there is little, and be allocated and wiped again whenever an idle
 * connection releases its buffers. The lent buffer exists once for each engine thread. */
bool s2npkey_use_send_buffer(struct s2n_connection* connection, uint8_t* memory, uint32_t size);

void s2npkey_release_send_buffer(struct s2n_connection* connection);

/* ---- Security policies (security_policy.c) */

/* A copy of a policy that negotiates fewer TLS versions. */

/* Bytes that the copy takes; 0: s2n-tls has no policy of this name. */
size_t s2npkey_narrowed_policy_size(const char* name);

/* Builds the copy in `memory`, aligned for any type, with the cipher suites of these versions.
 * Versions are s2n's numbers: 33 is TLS 1.2, 34 is TLS 1.3. */
void s2npkey_narrow_policy(const char* name, uint8_t lowest, uint8_t highest, void* memory);

/* The configuration keeps a reference: `memory` must outlive it. Returns 0, or -1 and s2n_errno. */
int s2npkey_use_narrowed_policy(struct s2n_config* config, const void* memory);

/* What a policy lets a handshake choose, as plain numbers. */

enum s2npkey_key_type { S2NPKEY_KEY_RSA = 1, S2NPKEY_KEY_ECDSA = 2, S2NPKEY_KEY_MLDSA = 3 };

struct s2npkey_policy_scheme {
  uint16_t iana;        /* code of the TLS SignatureScheme registry */
  bool weak_hash;       /* MD5, SHA-1 or SHA-224: no KMS signs it */
  uint8_t key_type;     /* enum s2npkey_key_type; 0: another */
  bool tls12;           /* may be used in TLS 1.2 */
  bool tls13;           /* may be used in TLS 1.3 */
  uint16_t tls13_curve; /* IANA group an ECDSA scheme is bound to in TLS 1.3; 0: none */
};

struct s2npkey_certificate_key {
  int nid; /* libcrypto's number of the curve, or of the kind of key */
  int bits;
};

struct s2npkey_policy_facts {
  uint8_t minimum_protocol_version; /* s2n's numbers: 31 TLS 1.0 … 34 TLS 1.3 */
  bool offers_tls12;                /* a suite of TLS 1.2 or below */
  bool offers_tls13;
  bool offers_tls12_ecdsa;      /* a TLS 1.2 suite authenticated by an ECDSA certificate */
  bool offers_tls12_rsa;        /* the same by RSA, with ephemeral key exchange */
  bool offers_rsa_key_exchange; /* a suite in which the private key decrypts instead of signing */
  size_t scheme_count;
  struct s2npkey_policy_scheme schemes[64];
  /* What the policy demands of each certificate of a peer's chain, if it restricts them. */
  bool restricts_certificate_signatures; /* but the anchor's own */
  size_t certificate_signature_count;
  int certificate_signatures[64]; /* libcrypto's numbers of algorithms, such as
                                     NID_ecdsa_with_SHA384; for RSA-PSS one of all digests */
  bool restricts_certificate_keys;
  size_t certificate_key_count;
  struct s2npkey_certificate_key certificate_keys[32];
};

/* False: s2n-tls has no policy of this name. */
bool s2npkey_read_policy(const char* name, struct s2npkey_policy_facts* facts);

/* IANA's name of a cipher suite by its two bytes, a static string; NULL: unknown to s2n-tls. */
const char* s2npkey_cipher_iana_name(const uint8_t iana[2]);

#ifdef __cplusplus
}
#endif
