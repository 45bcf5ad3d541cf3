// Reads a private key from PEM, with an error that names what is wrong with an unusable one.
#pragma once

#include <openssl/base.h>

#include <string_view>

namespace s2npkey::tls {

// Accepts PKCS#8 (plain, or encrypted by RFC 8018), and PKCS#1 or SEC 1 (plain, or encrypted by RFC
// 1421). Other blocks in the text, such as certificates or EC parameters, are skipped. Keys can be
// RSA of 2048 to 4096 bits, P-256, P-384, P-521 or ML-DSA. Throws Error ERR_S2N_PKEY_KEY_INVALID,
// or ERR_S2N_PKEY_PASSPHRASE if the passphrase is missing or wrong.
bssl::UniquePtr<EVP_PKEY> ReadPrivateKeyPem(std::string_view pem, std::string_view passphrase);

}  // namespace s2npkey::tls
