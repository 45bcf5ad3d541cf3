#include <string.h>

#include "s2n/internals.h"
#include "tls/s2n_config.h"
#include "tls/s2n_kex.h"
#include "tls/s2n_security_policies.h"

/* ---- Fewer versions */

/* s2n-tls defines it, and no header declares it. */
int s2n_config_set_security_policy(struct s2n_config* config,
                                   const struct s2n_security_policy* security_policy);

struct narrowed_policy {
  struct s2n_security_policy policy;
  struct s2n_cipher_preferences ciphers;
  struct s2n_cipher_suite* suites[];
};

static const struct s2n_security_policy* find_policy(const char* name) {
  const struct s2n_security_policy* policy = NULL;
  return s2n_find_security_policy_from_version(name, &policy) == 0 ? policy : NULL;
}

size_t s2npkey_narrowed_policy_size(const char* name) {
  const struct s2n_security_policy* policy = find_policy(name);
  if (!policy) return 0;
  return sizeof(struct narrowed_policy) +
         policy->cipher_preferences->count * sizeof(struct s2n_cipher_suite*);
}

void s2npkey_narrow_policy(const char* name, uint8_t lowest, uint8_t highest, void* memory) {
  const struct s2n_security_policy* policy = find_policy(name);
  struct narrowed_policy* narrowed = memory;
  narrowed->policy = *policy;
  if (narrowed->policy.minimum_protocol_version < lowest)
    narrowed->policy.minimum_protocol_version = lowest;
  narrowed->ciphers = *policy->cipher_preferences;
  narrowed->ciphers.count = 0;
  narrowed->ciphers.suites = narrowed->suites;
  narrowed->policy.cipher_preferences = &narrowed->ciphers;
  for (uint16_t i = 0; i < policy->cipher_preferences->count; i++) {
    struct s2n_cipher_suite* suite = policy->cipher_preferences->suites[i];
    const bool tls13 = suite->minimum_required_tls_version >= S2N_TLS13;
    if (tls13 ? highest >= S2N_TLS13 : lowest < S2N_TLS13)
      narrowed->suites[narrowed->ciphers.count++] = suite;
  }
}

int s2npkey_use_narrowed_policy(struct s2n_config* config, const void* memory) {
  const struct narrowed_policy* narrowed = memory;
  return s2n_config_set_security_policy(config, &narrowed->policy);
}

/* ---- Facts */

static void read_scheme(const struct s2n_signature_scheme* scheme,
                        struct s2npkey_policy_scheme* out) {
  memset(out, 0, sizeof(*out));
  out->iana = scheme->iana_value;
  out->weak_hash = scheme->hash_alg == S2N_HASH_MD5 || scheme->hash_alg == S2N_HASH_SHA1 ||
                   scheme->hash_alg == S2N_HASH_SHA224 || scheme->hash_alg == S2N_HASH_MD5_SHA1;
  const bool rsa =
      scheme->sig_alg == S2N_SIGNATURE_RSA || scheme->sig_alg == S2N_SIGNATURE_RSA_PSS_RSAE;
  const bool ecdsa = scheme->sig_alg == S2N_SIGNATURE_ECDSA;
  const bool mldsa = scheme->sig_alg == S2N_SIGNATURE_MLDSA;
  out->key_type = rsa ? S2NPKEY_KEY_RSA : ecdsa ? S2NPKEY_KEY_ECDSA : mldsa ? S2NPKEY_KEY_MLDSA : 0;
  const uint8_t highest = scheme->maximum_protocol_version;
  out->tls12 =
      scheme->minimum_protocol_version <= S2N_TLS12 && (highest == 0 || highest >= S2N_TLS12);
  /* RSA PKCS#1 v1.5 never signs a TLS 1.3 handshake (RFC 8446 section 4.2.3), nor does a hash this
   * old. */
  out->tls13 = (highest == 0 || highest >= S2N_TLS13) && scheme->sig_alg != S2N_SIGNATURE_RSA &&
               !out->weak_hash;
  out->tls13_curve = scheme->signature_curve ? scheme->signature_curve->iana_id : 0;
}

static void read_certificate_preferences(const struct s2n_security_policy* policy,
                                         struct s2npkey_policy_facts* facts) {
  const struct s2n_signature_preferences* signatures = policy->certificate_signature_preferences;
  facts->restricts_certificate_signatures = signatures != NULL;
  size_t limit = sizeof(facts->certificate_signatures) / sizeof(facts->certificate_signatures[0]);
  for (uint8_t i = 0; signatures && i < signatures->count; i++) {
    if (facts->certificate_signature_count == limit) break;
    facts->certificate_signatures[facts->certificate_signature_count++] =
        signatures->signature_schemes[i]->libcrypto_nid;
  }
  const struct s2n_certificate_key_preferences* keys = policy->certificate_key_preferences;
  facts->restricts_certificate_keys = keys != NULL;
  limit = sizeof(facts->certificate_keys) / sizeof(facts->certificate_keys[0]);
  for (uint8_t i = 0; keys && i < keys->count; i++) {
    if (facts->certificate_key_count == limit) break;
    struct s2npkey_certificate_key* key = &facts->certificate_keys[facts->certificate_key_count++];
    key->nid = keys->certificate_keys[i]->public_key_libcrypto_nid;
    key->bits = keys->certificate_keys[i]->bits;
  }
}

bool s2npkey_read_policy(const char* name, struct s2npkey_policy_facts* facts) {
  memset(facts, 0, sizeof(*facts));
  const struct s2n_security_policy* policy = NULL;
  if (s2n_find_security_policy_from_version(name, &policy) != 0 || policy == NULL) return false;
  facts->minimum_protocol_version = policy->minimum_protocol_version;
  const struct s2n_cipher_preferences* ciphers = policy->cipher_preferences;
  for (uint16_t i = 0; i < ciphers->count; i++) {
    const struct s2n_cipher_suite* suite = ciphers->suites[i];
    if (suite->minimum_required_tls_version >= S2N_TLS13) {
      facts->offers_tls13 = true;
      continue;
    }
    facts->offers_tls12 = facts->minimum_protocol_version < S2N_TLS13;
    if (!suite->key_exchange_alg->is_ephemeral) {
      facts->offers_rsa_key_exchange = true;
    } else if (suite->auth_method == S2N_AUTHENTICATION_ECDSA) {
      facts->offers_tls12_ecdsa = true;
    } else if (suite->auth_method == S2N_AUTHENTICATION_RSA &&
               suite->key_exchange_alg != &s2n_dhe) {
      facts->offers_tls12_rsa = true;
    }
  }
  const struct s2n_signature_preferences* signatures = policy->signature_preferences;
  const size_t limit = sizeof(facts->schemes) / sizeof(facts->schemes[0]);
  for (uint8_t i = 0; i < signatures->count && facts->scheme_count < limit; i++) {
    read_scheme(signatures->signature_schemes[i], &facts->schemes[facts->scheme_count++]);
  }
  read_certificate_preferences(policy, facts);
  return true;
}

const char* s2npkey_cipher_iana_name(const uint8_t iana[2]) {
  for (uint16_t i = 0; i < cipher_preferences_test_all.count; i++) {
    const struct s2n_cipher_suite* suite = cipher_preferences_test_all.suites[i];
    if (memcmp(suite->iana_value, iana, S2N_TLS_CIPHER_SUITE_LEN) == 0) return suite->iana_name;
  }
  return NULL;
}
