#include "tls/name_constraints.h"

#include <openssl/mem.h>
#include <openssl/nid.h>

#include <algorithm>
#include <string>

namespace s2npkey::tls {

namespace {

bool IsOfNameConstraints(int error) {
  switch (error) {
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
      return true;
    default:
      return false;
  }
}

// Whether a certificate's other names keep to the constraints of all that are above it.
bool OtherNamesKeepTo(X509* certificate, const STACK_OF(X509) * chain, size_t depth) {
  for (size_t i = depth + 1; i < sk_X509_num(chain); i++) {
    int critical = 0;
    const bssl::UniquePtr<NAME_CONSTRAINTS> constraints(static_cast<NAME_CONSTRAINTS*>(
        X509_get_ext_d2i(sk_X509_value(chain, i), NID_name_constraints, &critical, nullptr)));
    if (!constraints) {
      if (critical != -1) return false;  // there, and unreadable
    } else if (NAME_CONSTRAINTS_check(certificate, constraints.get()) != X509_V_OK) {
      return false;
    }
  }
  return true;
}

// The only common name, in UTF-8; empty where there is none, or another.
std::string CommonNameOf(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) return "";
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (length < 0) return "";
  std::string name(text, text + length);
  OPENSSL_free(text);
  return name;
}

}  // namespace

bool IsForgivenCommonName(X509_STORE_CTX* context, bool names_host) {
  const int error = X509_STORE_CTX_get_error(context);
  if (!IsOfNameConstraints(error)) return false;
  const auto depth = static_cast<size_t>(X509_STORE_CTX_get_error_depth(context));
  X509* certificate = X509_STORE_CTX_get_current_cert(context);
  if (!certificate || !OtherNamesKeepTo(certificate, X509_STORE_CTX_get0_chain(context), depth))
    return false;
  if (depth > 0) return true;
  // AWS-LC refuses as unreadable what has a dot, as host names do, and some byte that none has.
  if (error != X509_V_ERR_UNSUPPORTED_NAME_SYNTAX) return false;
  const std::string name = CommonNameOf(certificate);
  if (name.empty() || name.find('\0') != std::string::npos) return false;
  return !names_host || std::any_of(name.begin(), name.end(), [](unsigned char byte) {
    return byte <= 0x20 || byte == 0x7f;
  });
}

}  // namespace s2npkey::tls
