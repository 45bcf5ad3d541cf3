/* Reads a structure of s2n-tls's own (see CMakeLists.txt for its internal headers). */
#include "tls/peer_chain.h"

#include "tls/s2n_connection.h"

STACK_OF(X509) * s2n_pkey_peer_chain(struct s2n_connection* connection) {
  STACK_OF(X509)* chain = connection->x509_validator.cert_chain_from_wire;
  return chain && sk_X509_num(chain) > 0 ? chain : NULL;
}
