// The result of verifying a peer's certificate, with OpenSSL's names, which callers of node:tls
// expect.
#pragma once

namespace s2npkey::tls {

struct Verification {
  static constexpr int kOk = 0;         // X509_V_OK
  static constexpr int kNotAsked = -1;  // no certificate was requested, or none was received yet

  // Strong enough for the floor, but not allowed by the security policy. code() returns OpenSSL's
  // names for weak certificates, and message() names the policy.
  static constexpr int kPolicyLeafKey = 1001;
  static constexpr int kPolicyAuthorityKey = 1002;
  static constexpr int kPolicySignature = 1003;

  int error = kNotAsked;  // X509_V_ERR_…, or one of the above

  bool ok() const noexcept { return error == kOk; }
  // "OK", a name such as "DEPTH_ZERO_SELF_SIGNED_CERT", or "" for kNotAsked. Static strings.
  const char* code() const noexcept;
  // The message of OpenSSL 3. A static string.
  const char* message() const noexcept;
  // The alert for the peer (RFC 8446 section 6.2); -1 if the certificate was not refused.
  int alert() const noexcept;
};

}  // namespace s2npkey::tls
