#include "tls/failure.h"

#include <cerrno>
#include <system_error>

#include "s2n.h"
#include "s2n/internals.h"
#include "tls/alert_description.h"

namespace s2npkey::tls {

namespace {

// Failures for which s2n names no alert, or a less fitting one, though RFC 8446 section 6.2 does.
// What is listed here is the peer's doing, whatever type s2n gives the error.
struct Refusal {
  const char* name;
  int alert;
};
constexpr Refusal kRefusals[] = {
    {"S2N_ERR_PROTOCOL_VERSION_UNSUPPORTED", alert::kProtocolVersion},
    {"S2N_ERR_FALLBACK_DETECTED", alert::kInappropriateFallback},
    // The two have nothing in common.
    {"S2N_ERR_CIPHER_NOT_SUPPORTED", alert::kHandshakeFailure},
    {"S2N_ERR_NO_VALID_SIGNATURE_SCHEME", alert::kHandshakeFailure},
    {"S2N_ERR_INVALID_SUPPORTED_GROUP_STATE", alert::kHandshakeFailure},
    {"S2N_ERR_ECDHE_UNSUPPORTED_CURVE", alert::kHandshakeFailure},
    // Well formed and wrong.
    {"S2N_ERR_BAD_KEY_SHARE", alert::kIllegalParameter},
    {"S2N_ERR_ECDHE_INVALID_PUBLIC_KEY", alert::kIllegalParameter},
    {"S2N_ERR_ECDHE_SHARED_SECRET", alert::kIllegalParameter},
    {"S2N_ERR_DUPLICATE_EXTENSION", alert::kIllegalParameter},
    // Lengths that do not fit together.
    {"S2N_ERR_STUFFER_OUT_OF_DATA", alert::kDecodeError},
    {"S2N_ERR_STUFFER_NOT_FOUND", alert::kDecodeError},
};

}  // namespace

Failure Failure::OfSystem(int error, const char* system_call) {
  Failure failure;
  failure.kind = FailureKind::kReset;
  failure.system_error = error;
  failure.system_call = system_call;
  switch (error) {
    case ECONNRESET:
      failure.message = "the connection was reset by the peer";
      break;
    case EPIPE:
      failure.message = "the peer has closed the connection and takes nothing more";
      break;
    case ETIMEDOUT:
      failure.message = "the peer does not answer any more";
      break;
    default:
      failure.message = "the connection failed: " + std::generic_category().message(error);
      break;
  }
  return failure;
}

Failure Failure::FromS2n() {
  const int error = s2n_errno;
  Failure failure;
  const char* name = s2n_strerror_name(error);
  const char* message = s2n_strerror(error, "EN");
  failure.name = name ? name : "";
  failure.message = message ? message : "unknown error of s2n-tls";
  switch (s2n_error_get_type(error)) {
    case S2N_ERR_T_CLOSED:
      failure.kind = FailureKind::kClosed;
      break;
    case S2N_ERR_T_IO:
      failure.kind = FailureKind::kReset;
      break;
    case S2N_ERR_T_ALERT:
      failure.kind = FailureKind::kAlert;
      break;
    case S2N_ERR_T_PROTO:
      failure.kind = FailureKind::kProtocol;
      break;
    default:
      failure.kind = FailureKind::kInternal;
      break;
  }
  if (failure.name == "S2N_ERR_VERIFY_SIGNATURE") failure.kind = FailureKind::kSignature;
  if (failure.name == "S2N_ERR_ALLOC") {
    failure.kind = FailureKind::kResources;
    failure.message = "no memory is left";
  }
  uint8_t alert = 0;
  if (failure.kind != FailureKind::kAlert && s2npkey_alert_of_error(error, &alert)) {
    failure.alert = alert;
  }
  for (const Refusal& refusal : kRefusals) {
    if (failure.name != refusal.name) continue;
    failure.kind = FailureKind::kProtocol;
    failure.alert = refusal.alert;
  }
  return failure;
}

const char* FailureKindName(FailureKind kind) {
  switch (kind) {
    case FailureKind::kNone:
      return "none";
    case FailureKind::kClosed:
      return "closed";
    case FailureKind::kReset:
      return "reset";
    case FailureKind::kAlert:
      return "alert";
    case FailureKind::kProtocol:
      return "protocol";
    case FailureKind::kSignature:
      return "signature";
    case FailureKind::kCertificate:
      return "certificate";
    case FailureKind::kTimeout:
      return "timeout";
    case FailureKind::kNotTls:
      return "not-tls";
    case FailureKind::kProxyProtocol:
      return "proxy-protocol";
    case FailureKind::kHealthCheck:
      return "health-check";
    case FailureKind::kResources:
      return "resources";
    case FailureKind::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace s2npkey::tls
