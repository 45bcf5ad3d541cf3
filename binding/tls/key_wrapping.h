// Encrypts a private key for a key service that imports it.
#pragma once

#include <openssl/base.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace s2npkey::tls {

// RSA_AES_KEY_WRAP_SHA_256 of AWS KMS, CKM_RSA_AES_KEY_WRAP of PKCS #11: a new AES-256 key,
// encrypted by RSAES-OAEP with SHA-256 (RFC 8017), then the PKCS#8 DER of `key`, wrapped by that
// AES key (RFC 5649). `wrapping_key` is a DER SubjectPublicKeyInfo of an RSA key. The plain DER and
// the AES key lie in the arena. Throws Error ERR_S2N_PKEY_KEY_INVALID if `wrapping_key` is no RSA
// key of 2048 bits or more, or nothing can be encrypted with it. Any thread.
std::vector<uint8_t> WrapPrivateKey(const EVP_PKEY* key, const uint8_t* wrapping_key,
                                    size_t length);

}  // namespace s2npkey::tls
