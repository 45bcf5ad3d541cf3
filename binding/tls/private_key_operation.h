// The one private-key operation of a handshake, from the callback of s2n-tls until its signature is
// applied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tls/s2n_handles.h"

namespace s2npkey::tls {

// Owned by one connection and used only on its thread. s2n does not notice if an operation of an
// earlier handshake is applied to a reused connection, so an operation never leaves its connection.
class PrivateKeyOperation {
 public:
  // Takes ownership of the operation. `connection` is the one whose handshake waits for it.
  PrivateKeyOperation(PrivateKeyOperationHandle operation, s2n_connection* connection);

  // False for operations that no signer makes: RSA key exchange (a decryption), SHA-1 and SHA-224,
  // and ML-DSA for a peer that did not offer it.
  bool supported() const noexcept { return supported_; }
  // IANA code of the signature scheme. Under TLS 1.2 an ECDSA code names only the hash (RFC 5246
  // section 7.4.1.4.1).
  uint16_t scheme() const noexcept { return scheme_; }
  // The digest, or for ML-DSA the 64-byte mu.
  const std::vector<uint8_t>& input() const noexcept { return input_; }
  // The transcript hash that the signed content of a TLS 1.3 CertificateVerify ends with (RFC 8446
  // section 4.4.3); empty in TLS 1.2.
  const std::vector<uint8_t>& transcript_hash() const noexcept { return transcript_hash_; }

  // Verifies the signature with the certificate (S2N_ASYNC_PKEY_VALIDATION_STRICT) and lets the
  // handshake continue. Call it at most once. If it returns false, the signature is unusable, the
  // connection must be closed, and s2n_errno has the reason.
  bool Complete(const uint8_t* signature, size_t length);

 private:
  PrivateKeyOperationHandle operation_;
  s2n_connection* connection_;
  std::vector<uint8_t> input_;
  std::vector<uint8_t> transcript_hash_;
  uint16_t scheme_ = 0;
  bool supported_ = false;
};

}  // namespace s2npkey::tls
