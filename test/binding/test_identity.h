// A key and a self-signed certificate for it, made when a test needs them: no key is kept in the
// repository.
#pragma once

#include <openssl/base.h>

#include <string>

namespace s2npkey::test {

struct Identity {
  std::string private_key_pem;
  std::string certificate_pem;

  static Identity Ecdsa(int curve_nid);
  static Identity Rsa(int bits);
  // NID_MLDSA44 and on.
  static Identity MlDsa(int level);
};

// One with a P-256 key, for tests to which the key is all the same: made once.
const Identity& P256();

}  // namespace s2npkey::test
