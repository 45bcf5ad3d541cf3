// A private key in the memory of this process, which signs digests. For development, migration and
// comparison, and for the local KMS, which is a process of its own.
#pragma once

#include <openssl/base.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memory/secret_bytes.h"

namespace s2npkey::tls {

// Immutable. Used by any thread. Needs only AWS-LC, not InitializeLibrary().
class LocalKey {
  struct Token {
    explicit Token() = default;
  };

 public:
  // Only FromPem can create a Token.
  LocalKey(Token, bssl::UniquePtr<EVP_PKEY> key);

  // Throws the errors of ReadPrivateKeyPem.
  static std::shared_ptr<const LocalKey> FromPem(std::string_view pem, std::string_view passphrase);

  // A new ML-DSA key of the level whose scheme has this IANA code: PKCS#8 with the seed alone
  // (RFC 9881), DER. Throws Error ERR_S2N_PKEY_KEY_INVALID for the code of no level.
  static memory::SecretBytes GenerateMlDsa(uint16_t code);

  // Signs a digest, or the 64-byte mu of ML-DSA, under the scheme with this IANA code. An ECDSA
  // code names only the hash, as in TLS 1.2. A PSS salt is as long as the digest. Returns false,
  // and clears `signature`, if key, scheme and length do not fit together.
  bool Sign(uint16_t scheme, const uint8_t* input, size_t length,
            std::vector<uint8_t>* signature) const noexcept;
  bool Verify(uint16_t scheme, const uint8_t* input, size_t length, const uint8_t* signature,
              size_t signature_length) const noexcept;

  // DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
  std::vector<uint8_t> PublicKeyDer() const;

  // See WrapPrivateKey.
  std::vector<uint8_t> Wrap(const uint8_t* wrapping_key, size_t length) const;

 private:
  bssl::UniquePtr<EVP_PKEY> key_;
};

}  // namespace s2npkey::tls
