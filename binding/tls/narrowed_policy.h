/* A copy of a security policy that negotiates fewer TLS versions. s2n has no public call for the
 * versions of a policy, so the one C file behind this header builds s2n's structure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct s2n_config;

/* How many bytes the copy takes; 0: s2n-tls has no policy of this name. */
size_t s2n_pkey_narrowed_policy_size(const char* name);

/* Builds the copy in `memory`, which must be aligned for any type. Versions are s2n's numbers: 33
 * is TLS 1.2, 34 is TLS 1.3. It has the cipher suites that these versions use. */
void s2n_pkey_narrow_policy(const char* name, uint8_t lowest, uint8_t highest, void* memory);

/* The configuration keeps a reference: `memory` must outlive it. Returns 0, or -1 and s2n_errno. */
int s2n_pkey_use_narrowed_policy(struct s2n_config* config, const void* memory);

#ifdef __cplusplus
}
#endif
