/* What a named security policy of s2n-tls would let a handshake choose, as plain numbers. s2n has
 * no public call that tells this, so the one C file behind this header reads its structures. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum s2n_pkey_key_type { S2N_PKEY_KEY_RSA = 1, S2N_PKEY_KEY_ECDSA = 2 };

struct s2n_pkey_policy_scheme {
  uint16_t iana;        /* code of the TLS SignatureScheme registry */
  bool weak_hash;       /* MD5, SHA-1 or SHA-224: no KMS signs it */
  uint8_t key_type;     /* enum s2n_pkey_key_type; 0: another */
  bool tls12;           /* may be used in TLS 1.2 */
  bool tls13;           /* may be used in TLS 1.3 */
  uint16_t tls13_curve; /* IANA group an ECDSA scheme is bound to in TLS 1.3; 0: none */
};

struct s2n_pkey_certificate_key {
  int nid; /* libcrypto's number of the curve, or of the kind of key */
  int bits;
};

struct s2n_pkey_policy_facts {
  uint8_t minimum_protocol_version; /* s2n's numbers: 31 TLS 1.0 … 34 TLS 1.3 */
  bool offers_tls12;                /* a suite of TLS 1.2 or below */
  bool offers_tls13;
  bool offers_tls12_ecdsa;      /* a TLS 1.2 suite authenticated by an ECDSA certificate */
  bool offers_tls12_rsa;        /* the same by RSA, with ephemeral key exchange */
  bool offers_rsa_key_exchange; /* a suite in which the private key decrypts instead of signing */
  size_t scheme_count;
  struct s2n_pkey_policy_scheme schemes[64];
  /* What it demands of every certificate of a peer's chain; nothing where it restricts nothing. */
  bool restricts_certificate_signatures; /* but the anchor's own */
  size_t certificate_signature_count;
  int certificate_signatures[64]; /* libcrypto's numbers of algorithms, such as
                                     NID_ecdsa_with_SHA384; for RSA-PSS one of all digests */
  bool restricts_certificate_keys;
  size_t certificate_key_count;
  struct s2n_pkey_certificate_key certificate_keys[32];
};

/* False: s2n-tls has no policy of this name. */
bool s2n_pkey_read_policy(const char* name, struct s2n_pkey_policy_facts* facts);

/* IANA's name of a cipher suite by its two bytes; NULL: not one of s2n's. A string with static
 * lifetime. */
const char* s2n_pkey_cipher_iana_name(const uint8_t iana[2]);

#ifdef __cplusplus
}
#endif
