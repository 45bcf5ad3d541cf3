// What came of verifying a peer's certificate, with OpenSSL's names, which callers of node:tls look
// for.
#pragma once

namespace s2npkey::tls {

struct Verification {
  static constexpr int kOk = 0;         // X509_V_OK
  static constexpr int kNotAsked = -1;  // nobody asked for a certificate, or none has come yet

  // What is strong enough by itself and yet not what the security policy takes: told by OpenSSL's
  // codes for what is too weak, in words of our own.
  static constexpr int kPolicyLeafKey = 1001;
  static constexpr int kPolicyAuthorityKey = 1002;
  static constexpr int kPolicySignature = 1003;

  int error = kNotAsked;  // X509_V_ERR_…, or one of the above

  bool ok() const noexcept { return error == kOk; }
  // "DEPTH_ZERO_SELF_SIGNED_CERT" and so on; "OK"; "" when nobody asked. Static strings.
  const char* code() const noexcept;
  // In OpenSSL 3's words.
  const char* message() const noexcept;
  // The alert that tells the peer (RFC 8446 section 6.2); -1 when it was not refused.
  int alert() const noexcept;
};

}  // namespace s2npkey::tls
