#include <string.h>

#include "crypto/s2n_certificate.h"
#include "crypto/s2n_openssl_x509.h"
#include "crypto/s2n_pkey.h"
#include "s2n/internals.h"
#include "tls/s2n_cipher_suites.h"
#include "tls/s2n_config.h"
#include "tls/s2n_connection.h"
#include "tls/s2n_handshake.h"
#include "tls/s2n_handshake_hashes.h"
#include "tls/s2n_quic_support.h"
#include "tls/s2n_record.h"
#include "tls/s2n_tls.h"
#include "tls/s2n_tls13_key_schedule.h"
#include "tls/s2n_tls_parameters.h"
#include "utils/s2n_atomic.h"
#include "utils/s2n_mem.h"
#include "utils/s2n_safety.h"

/* ---- Alerts */

bool s2npkey_alert_of_error(int error, uint8_t* alert) {
  return s2n_error_get_alert(error, alert) == S2N_SUCCESS;
}

bool s2npkey_reads_plaintext(const struct s2n_connection* connection) {
  return (connection->mode == S2N_SERVER ? connection->client : connection->server) ==
         connection->initial;
}

bool s2npkey_send_alert(struct s2n_connection* connection, uint8_t alert) {
  if (connection->alert_sent || s2n_atomic_flag_test(&connection->error_alert_received))
    return false;
  connection->delay = 0;
  connection->writer_alert_out = alert;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  return s2n_shutdown_send(connection, &blocked) == S2N_SUCCESS && connection->alert_sent;
}

/* ---- Half-close */

void s2npkey_keep_write_side_open(struct s2n_connection* connection) {
  if (connection->actual_protocol_version < S2N_TLS13)
    s2n_atomic_flag_clear(&connection->read_closed);
}

void s2npkey_keep_read_side_open(struct s2n_connection* connection) {
  if (connection->actual_protocol_version < S2N_TLS13)
    s2n_atomic_flag_clear(&connection->write_closed);
}

/* ---- A pending alert */

/* A change_cipher_spec of middlebox compatibility (RFC 8446 appendix D.4), the alert, and some. */
enum { MAX_RECORDS = 4 };

/* The type of the next record. Where s2n read more than it took, that lies in its buffer. */
static uint8_t next_record_type(struct s2n_connection* connection, uint8_t first) {
  struct s2n_stuffer* buffered = &connection->buffer_in;
  if (s2n_stuffer_data_available(buffered) == 0) return first;
  return buffered->blob.data[buffered->read_cursor];
}

int s2npkey_read_pending_alert(struct s2n_connection* connection, uint8_t first) {
  if (connection->mode != S2N_SERVER) return -1;
  bool keys = false;
  for (int records = 0; records < MAX_RECORDS; records++) {
    const uint8_t outer = next_record_type(connection, first);
    first = 0; /* from now on only what s2n has read */
    if (outer == TLS_APPLICATION_DATA && !keys) {
      /* s2n installs the client's keys only with the server's Finished. */
      if (connection->actual_protocol_version < S2N_TLS13) return -1;
      if (s2n_result_is_error(
              s2n_tls13_key_schedule_set_key(connection, S2N_HANDSHAKE_SECRET, S2N_CLIENT)))
        return -1;
      keys = true;
    } else if (outer == TLS_ALERT
                   ? keys
                   : outer != TLS_CHANGE_CIPHER_SPEC && !(keys && outer == TLS_APPLICATION_DATA)) {
      return -1;
    }
    uint8_t type = 0;
    int version2 = 0;
    if (s2n_read_full_record(connection, &type, &version2) != S2N_SUCCESS || version2) return -1;
    if (type == TLS_ALERT) { /* its level, its description; 0 is close_notify */
      if (s2n_stuffer_data_available(&connection->in) != 2) return -1;
      const uint8_t description = connection->in.blob.data[connection->in.read_cursor + 1];
      return description == 0 ? -1 : description;
    }
    if (s2n_result_is_error(s2n_record_wipe(connection))) return -1;
  }
  return -1;
}

/* ---- Certificates */

STACK_OF(X509) * s2npkey_peer_chain(struct s2n_connection* connection) {
  STACK_OF(X509)* chain = connection->x509_validator.cert_chain_from_wire;
  return chain && sk_X509_num(chain) > 0 ? chain : NULL;
}

bool s2npkey_set_certificate_authorities(struct s2n_config* config, const uint8_t* names,
                                         uint32_t length) {
  if (s2n_realloc(&config->cert_authorities, length) != S2N_SUCCESS) return false;
  memcpy(config->cert_authorities.data, names, length);
  return true;
}

int s2npkey_use_public_key(struct s2n_cert_chain_and_key* chain) {
  POSIX_ENSURE_REF(chain->cert_chain->head);
  POSIX_ENSURE(s2n_pkey_check_key_exists(chain->private_key) != S2N_SUCCESS, S2N_ERR_INVALID_STATE);
  DEFER_CLEANUP(X509* leaf = NULL, X509_free_pointer);
  POSIX_GUARD_RESULT(s2n_openssl_x509_parse(&chain->cert_chain->head->raw, &leaf));
  s2n_pkey_type type = S2N_PKEY_TYPE_UNKNOWN;
  POSIX_GUARD_RESULT(s2n_pkey_from_x509(leaf, chain->private_key, &type));
  return S2N_SUCCESS;
}

uint16_t s2npkey_own_signature_scheme(const struct s2n_connection* connection) {
  const struct s2n_handshake_parameters* parameters = &connection->handshake_params;
  const struct s2n_signature_scheme* scheme = connection->mode == S2N_SERVER
                                                  ? parameters->server_cert_sig_scheme
                                                  : parameters->client_cert_sig_scheme;
  return scheme ? scheme->iana_value : 0;
}

const uint16_t* s2npkey_peer_signature_schemes(const struct s2n_connection* connection,
                                               size_t* count) {
  const struct s2n_sig_scheme_list* schemes = &connection->handshake_params.peer_sig_scheme_list;
  *count = schemes->len;
  return schemes->iana_list;
}

void s2npkey_replace_config(struct s2n_connection* connection, struct s2n_config* config) {
  connection->config = config;
}

/* ---- The transcript */

size_t s2npkey_transcript_hash(struct s2n_connection* connection,
                               uint8_t hash[S2NPKEY_TRANSCRIPT_HASH_SIZE]) {
  if (connection->actual_protocol_version < S2N_TLS13 || !connection->handshake.hashes) return 0;
  s2n_hash_algorithm algorithm = S2N_HASH_NONE;
  uint8_t size = 0;
  if (s2n_hmac_hash_alg(connection->secure->cipher_suite->prf_alg, &algorithm) != S2N_SUCCESS ||
      s2n_hash_digest_size(algorithm, &size) != S2N_SUCCESS || size > S2NPKEY_TRANSCRIPT_HASH_SIZE)
    return 0;
  struct s2n_hash_state* scratch = &connection->handshake.hashes->hash_workspace;
  if (s2n_result_is_error(s2n_handshake_copy_hash_state(connection, algorithm, scratch)) ||
      s2n_hash_digest(scratch, hash, size) != S2N_SUCCESS)
    return 0;
  return size;
}

/* ---- Key material */

void s2npkey_hello_randoms(const struct s2n_connection* connection, uint8_t randoms[64]) {
  memcpy(randoms, connection->client_hello.random, 32);
  memcpy(randoms + 32, connection->handshake_params.server_random, 32);
}

bool s2npkey_prf_is_sha384(const struct s2n_connection* connection) {
  return connection->secure->cipher_suite->prf_alg == S2N_HMAC_SHA384;
}
