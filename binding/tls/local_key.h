// A private key in this process's memory, signing what is already hashed. For development,
// migration and comparison, and for the embedded KMS, which is a process of its own.
#pragma once

#include <openssl/base.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace s2npkey::tls {

// Immutable; any thread. Needs AWS-LC only, not an initialised s2n-tls.
class LocalKey {
  struct Token {
    explicit Token() = default;
  };

 public:
  // For FromPem alone, which can name a Token.
  LocalKey(Token, bssl::UniquePtr<EVP_PKEY> key);

  // As ReadPrivateKeyPem, whose errors it throws.
  static std::shared_ptr<const LocalKey> FromPem(std::string_view pem, std::string_view passphrase);

  // Signs a digest under the scheme with this IANA code. An ECDSA code names the hash only, as in
  // TLS 1.2; PSS salts are as long as the digest. False: key, scheme and length do not fit
  // together, and `signature` is empty.
  bool Sign(uint16_t scheme, const uint8_t* input, size_t length,
            std::vector<uint8_t>* signature) const noexcept;
  bool Verify(uint16_t scheme, const uint8_t* input, size_t length, const uint8_t* signature,
              size_t signature_length) const noexcept;

  // DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
  std::vector<uint8_t> PublicKeyDer() const;

 private:
  bssl::UniquePtr<EVP_PKEY> key_;
};

}  // namespace s2npkey::tls
