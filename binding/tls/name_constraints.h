// Name constraints and common names: where AWS-LC is stricter than the OpenSSL of node:tls.
#pragma once

#include <openssl/x509.h>

namespace s2npkey::tls {

// Asked within a verification's callback: whether what was found is no more than a common name that
// AWS-LC holds against an authority's DNS constraints and OpenSSL does not. OpenSSL looks at the
// common name of the peer's own certificate alone, and only where it could be a host's: "Meter No.
// 7" could not. `names_host`: whether peers are found by their names, as servers are; then nothing
// is forgiven that some host name might equal.
bool IsForgivenCommonName(X509_STORE_CTX* context, bool names_host);

}  // namespace s2npkey::tls
