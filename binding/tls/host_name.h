// Whether a certificate is for a host.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace s2npkey::tls {

// `name`: a DNS name, or an IP address as text. By RFC 6125: wildcards for a whole first label,
// the common name only where there are no DNS names. Stricter than node:tls in corners (partial
// wildcards), never laxer.
bool CertificateIsFor(X509* certificate, const std::string& name);

}  // namespace s2npkey::tls
