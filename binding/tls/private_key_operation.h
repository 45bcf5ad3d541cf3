// The one private-key operation of a handshake, from the moment s2n-tls stops at it until its
// signature is applied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tls/s2n_handles.h"

namespace s2npkey::tls {

// Owned by one connection and used on that connection's thread only: s2n accepts an operation of an
// earlier handshake on a connection that was used again, so an operation never leaves the
// connection it was made for.
class PrivateKeyOperation {
 public:
  // Takes the operation over. `connection` is the one whose handshake stopped at it.
  PrivateKeyOperation(PrivateKeyOperationHandle operation, s2n_connection* connection);

  // False where this package cannot sign it: RSA key exchange (a decryption), or SHA-1 and SHA-224.
  bool supported() const noexcept { return supported_; }
  // IANA code of the signature scheme. Under TLS 1.2 an ECDSA code names the hash only (RFC 5246
  // section 7.4.1.4.1).
  uint16_t scheme() const noexcept { return scheme_; }
  // The digest, or for ML-DSA the 64-byte mu.
  const std::vector<uint8_t>& input() const noexcept { return input_; }

  // Checks the signature against the certificate (STRICT validation) and lets the handshake go on.
  // At most once. False: the signature is unusable and the connection must be torn down; s2n_errno
  // says why.
  bool Complete(const uint8_t* signature, size_t length);

 private:
  PrivateKeyOperationHandle operation_;
  s2n_connection* connection_;
  std::vector<uint8_t> input_;
  uint16_t scheme_ = 0;
  bool supported_ = false;
};

}  // namespace s2npkey::tls
