#include "tls/private_key_operation.h"

#include <algorithm>
#include <utility>

#include "s2n/internals.h"

namespace s2npkey::tls {

namespace {

// A signature longer than any scheme's is refused before s2n copies it (RSA-8192 is 1,024 bytes,
// ML-DSA-87 4,627).
constexpr size_t kLongestSignature = 5000;

// The code of the level that is signed with, if the peer can verify it: with an ML-DSA certificate
// alone s2n-tls goes on where the peer offered no ML-DSA, and such a peer would have a signature
// made that it refuses.
uint16_t MlDsaScheme(s2n_connection* connection) {
  const uint16_t own = s2npkey_own_signature_scheme(connection);
  size_t count = 0;
  const uint16_t* schemes = s2npkey_peer_signature_schemes(connection, &count);
  return std::find(schemes, schemes + count, own) == schemes + count ? 0 : own;
}

// The IANA code of what was negotiated; 0 for hashes that no KMS signs with. A server's own scheme
// and a client's come from different getters.
uint16_t NegotiatedScheme(s2n_connection* connection) {
  s2n_tls_signature_algorithm algorithm = S2N_TLS_SIGNATURE_ANONYMOUS;
  s2n_tls_hash_algorithm hash = S2N_TLS_HASH_NONE;
  const bool server = s2n_connection_get_mode(connection) == S2N_SERVER;
  const int failed =
      server ? s2n_connection_get_selected_signature_algorithm(connection, &algorithm) |
                   s2n_connection_get_selected_digest_algorithm(connection, &hash)
             : s2n_connection_get_selected_client_cert_signature_algorithm(connection, &algorithm) |
                   s2n_connection_get_selected_client_cert_digest_algorithm(connection, &hash);
  if (failed) return 0;
  if (algorithm == S2N_TLS_SIGNATURE_MLDSA) return MlDsaScheme(connection);
  const uint16_t size = hash == S2N_TLS_HASH_SHA256   ? 0
                        : hash == S2N_TLS_HASH_SHA384 ? 1
                        : hash == S2N_TLS_HASH_SHA512 ? 2
                                                      : 3;
  if (size == 3) return 0;
  switch (algorithm) {
    case S2N_TLS_SIGNATURE_ECDSA:
      return static_cast<uint16_t>(0x0403 + (size << 8));
    case S2N_TLS_SIGNATURE_RSA:
      return static_cast<uint16_t>(0x0401 + (size << 8));
    case S2N_TLS_SIGNATURE_RSA_PSS_RSAE:
      return static_cast<uint16_t>(0x0804 + size);
    default:
      return 0;
  }
}

}  // namespace

PrivateKeyOperation::PrivateKeyOperation(PrivateKeyOperationHandle operation,
                                         s2n_connection* connection)
    : operation_(std::move(operation)), connection_(connection) {
  s2n_async_pkey_op_type type = S2N_ASYNC_DECRYPT;
  uint32_t size = 0;
  if (s2n_async_pkey_op_get_op_type(operation_.get(), &type) != S2N_SUCCESS ||
      type != S2N_ASYNC_SIGN ||
      s2n_async_pkey_op_get_input_size(operation_.get(), &size) != S2N_SUCCESS) {
    return;
  }
  input_.resize(size);
  scheme_ = NegotiatedScheme(connection);
  supported_ = scheme_ != 0 &&
               s2n_async_pkey_op_get_input(operation_.get(), input_.data(), size) == S2N_SUCCESS;
  uint8_t hash[S2NPKEY_TRANSCRIPT_HASH_SIZE];
  transcript_hash_.assign(hash, hash + s2npkey_transcript_hash(connection, hash));
}

bool PrivateKeyOperation::Complete(const uint8_t* signature, size_t length) {
  const PrivateKeyOperationHandle operation = std::move(operation_);
  if (!operation || length == 0 || length > kLongestSignature) return false;
  return s2n_async_pkey_op_set_output(operation.get(), signature, static_cast<uint32_t>(length)) ==
             S2N_SUCCESS &&
         s2n_async_pkey_op_apply(operation.get(), connection_) == S2N_SUCCESS;
}

}  // namespace s2npkey::tls
