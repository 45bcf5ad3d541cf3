/* Includes s2n-tls's internal headers (see CMakeLists.txt). */
#include "tls/narrowed_policy.h"

#include <string.h>

#include "tls/s2n_config.h"
#include "tls/s2n_security_policies.h"

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

size_t s2n_pkey_narrowed_policy_size(const char* name) {
  const struct s2n_security_policy* policy = find_policy(name);
  if (!policy) return 0;
  return sizeof(struct narrowed_policy) +
         policy->cipher_preferences->count * sizeof(struct s2n_cipher_suite*);
}

void s2n_pkey_narrow_policy(const char* name, uint8_t lowest, uint8_t highest, void* memory) {
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

int s2n_pkey_use_narrowed_policy(struct s2n_config* config, const void* memory) {
  const struct narrowed_policy* narrowed = memory;
  return s2n_config_set_security_policy(config, &narrowed->policy);
}
