// Name constraints for common names, where AWS-LC is stricter than the OpenSSL of node:tls.
#pragma once

#include <openssl/x509.h>

namespace s2npkey::tls {

// Called in the callback of a verification that failed. Returns whether the only failure is that
// AWS-LC checks a common name against an authority's DNS constraints, and OpenSSL does not. OpenSSL
// checks only the common name of the peer's own certificate, and only if it could be a host name:
// "Meter No. 7" could not. `names_host` says that peers are identified by name, as servers are.
// Then a common name that could equal a host name is never ignored.
bool IsForgivenCommonName(X509_STORE_CTX* context, bool names_host);

}  // namespace s2npkey::tls
