#include "tls/host_name.h"

#include <arpa/inet.h>

namespace s2npkey::tls {

bool CertificateIsFor(X509* certificate, const std::string& name) {
  unsigned char address[sizeof(in6_addr)];
  if (inet_pton(AF_INET, name.c_str(), address) == 1)
    return X509_check_ip(certificate, address, sizeof(in_addr), 0) == 1;
  if (inet_pton(AF_INET6, name.c_str(), address) == 1)
    return X509_check_ip(certificate, address, sizeof(in6_addr), 0) == 1;
  std::string host = name;
  if (!host.empty() && host.back() == '.') host.pop_back();
  // A name that begins with a dot would match every name under it.
  if (host.empty() || host.front() == '.') return false;
  return X509_check_host(certificate, host.data(), host.size(), 0, nullptr) == 1;
}

}  // namespace s2npkey::tls
