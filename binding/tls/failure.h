// The failure of a connection. It is copied from s2n-tls at once, because s2n_errno is thread-local
// and the next call overwrites it.
#pragma once

#include <cstdint>
#include <string>

namespace s2npkey::tls {

enum class FailureKind : uint8_t {
  kNone,
  kClosed,       // FIN within the handshake or a record, or without close_notify
  kReset,        // the peer's RST, or another error of the descriptor: see system_error
  kAlert,        // the peer sent a fatal alert
  kProtocol,     // the peer violated the protocol, or no version, cipher or scheme is shared
  kSignature,    // the signature does not verify against the certificate, or is unusable
  kCertificate,  // the peer's certificate does not verify, or is missing; `name` is OpenSSL's code
  kTimeout,      // the handshake's deadline passed
  kNotTls,       // the first bytes were not a TLS record: a plaintext request, a scan
  kProxyProtocol,  // the PROXY protocol header is missing, not allowed or malformed; see `name`
  kHealthCheck,    // a load balancer connected and closed: no error
  kResources,      // descriptors or memory ran out
  kInternal,       // an error in s2n-tls, AWS-LC or this package
};

struct Failure {
  FailureKind kind = FailureKind::kNone;
  // The name in s2n-tls, such as S2N_ERR_CIPHER_NOT_SUPPORTED; empty if the failure comes from
  // elsewhere. For kCertificate the name in OpenSSL, such as CERT_HAS_EXPIRED.
  std::string name;
  std::string message;
  // The alert that was received (kAlert), or the one that fits the failure (RFC 8446 section 6) and
  // is sent before the failure is reported; -1 for none.
  int alert = -1;
  // The errno and the name of the system call, "read" or "write", if the descriptor failed; 0 and
  // empty otherwise.
  int system_error = 0;
  const char* system_call = "";

  static Failure Of(FailureKind kind, const char* message) {
    Failure failure;
    failure.kind = kind;
    failure.message = message;
    return failure;
  }
  // `system_call` is "read" or "write", and `error` its errno.
  static Failure OfSystem(int error, const char* system_call);
  // Converts s2n_errno of the calling thread. Call it right after the call that failed.
  static Failure FromS2n();
};

const char* FailureKindName(FailureKind kind);

}  // namespace s2npkey::tls
