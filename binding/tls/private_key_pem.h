// Reading a private key from PEM, and saying by name what is wrong with one that cannot be used.
#pragma once

#include <openssl/base.h>

#include <string_view>

namespace s2npkey::tls {

// PKCS#8 (plain, or encrypted as RFC 8018 has it), PKCS#1 or SEC 1 (plain, or encrypted as RFC 1421
// has it); what else lies in the text, such as certificates or EC parameters, is passed over. RSA
// of 2048 to 4096 bits, P-256, P-384, P-521. Throws Error: ERR_S2N_PKEY_KEY_INVALID, or
// ERR_S2N_PKEY_PASSPHRASE when it is missing or wrong.
bssl::UniquePtr<EVP_PKEY> ReadPrivateKeyPem(std::string_view pem, std::string_view passphrase);

}  // namespace s2npkey::tls
