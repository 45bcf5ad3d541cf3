// What went wrong on a connection, copied from s2n-tls at once: s2n_errno is thread-local and the
// next call overwrites it.
#pragma once

#include <cstdint>
#include <string>

namespace s2npkey::tls {

enum class FailureKind : uint8_t {
  kNone,
  kClosed,       // the peer's FIN came where more was needed, or without close_notify
  kReset,        // the peer's RST, or another error of the descriptor: see system_error
  kAlert,        // the peer sent a fatal alert
  kProtocol,     // the peer broke the protocol, or the two share no version, cipher or scheme
  kSignature,    // the signature does not verify against the certificate, or is unusable
  kCertificate,  // the peer's certificate does not verify, or is missing; `name` is OpenSSL's code
  kTimeout,      // the handshake's deadline passed
  kNotTls,       // the first byte was no TLS record: a plaintext request, a scan
  kResources,    // descriptors or memory ran out
  kInternal,     // an error of s2n-tls, AWS-LC or of ours
};

struct Failure {
  FailureKind kind = FailureKind::kNone;
  // s2n's own name, such as S2N_ERR_CIPHER_NOT_SUPPORTED; empty where s2n had no part in it. Of a
  // kCertificate OpenSSL's, such as CERT_HAS_EXPIRED.
  std::string name;
  std::string message;
  // The alert that was received (kAlert), or that fits what happened (RFC 8446 section 6) and, once
  // the failure is reported, was sent; -1: none.
  int alert = -1;
  // The errno of read(2) or write(2), where the descriptor itself failed, and which of the two; 0
  // and empty otherwise.
  int system_error = 0;
  const char* system_call = "";

  static Failure Of(FailureKind kind, const char* message) {
    Failure failure;
    failure.kind = kind;
    failure.message = message;
    return failure;
  }
  // The descriptor failed with this errno in "read" or "write".
  static Failure OfSystem(int error, const char* system_call);
  // From s2n_errno of the calling thread, right after the call that failed.
  static Failure FromS2n();
};

const char* FailureKindName(FailureKind kind);

}  // namespace s2npkey::tls
