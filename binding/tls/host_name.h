// Checks whether a certificate is for a host.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace s2npkey::tls {

// `name` is a DNS name, or an IP address as text. Follows RFC 6125: a wildcard stands for the whole
// first label, and the common name counts only without DNS names. Stricter than node:tls for
// partial wildcards, and never less strict.
bool CertificateIsFor(X509* certificate, const std::string& name);

}  // namespace s2npkey::tls
