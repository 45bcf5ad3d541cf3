#include "tls/verification.h"

#include <openssl/x509.h>

#include "tls/alert_description.h"

namespace s2npkey::tls {

// The names that node:tls gives (X509ErrorCode in Node's src/crypto).
const char* Verification::code() const noexcept {
  switch (error) {
    case kNotAsked:
      return "";
    case X509_V_OK:
      return "OK";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      return "UNABLE_TO_GET_ISSUER_CERT";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return "UNABLE_TO_GET_CRL";
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
      return "UNABLE_TO_DECRYPT_CERT_SIGNATURE";
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
      return "UNABLE_TO_DECRYPT_CRL_SIGNATURE";
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
      return "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "CERT_SIGNATURE_FAILURE";
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return "CRL_SIGNATURE_FAILURE";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "CERT_NOT_YET_VALID";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "CERT_HAS_EXPIRED";
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return "CRL_NOT_YET_VALID";
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return "CRL_HAS_EXPIRED";
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
      return "ERROR_IN_CERT_NOT_BEFORE_FIELD";
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
      return "ERROR_IN_CERT_NOT_AFTER_FIELD";
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
      return "ERROR_IN_CRL_LAST_UPDATE_FIELD";
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
      return "ERROR_IN_CRL_NEXT_UPDATE_FIELD";
    case X509_V_ERR_OUT_OF_MEM:
      return "OUT_OF_MEM";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "DEPTH_ZERO_SELF_SIGNED_CERT";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "SELF_SIGNED_CERT_IN_CHAIN";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      return "UNABLE_TO_GET_ISSUER_CERT_LOCALLY";
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return "CERT_CHAIN_TOO_LONG";
    case X509_V_ERR_CERT_REVOKED:
      return "CERT_REVOKED";
    case X509_V_ERR_INVALID_CA:
      return "INVALID_CA";
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return "PATH_LENGTH_EXCEEDED";
    case X509_V_ERR_INVALID_PURPOSE:
      return "INVALID_PURPOSE";
    case X509_V_ERR_CERT_UNTRUSTED:
      return "CERT_UNTRUSTED";
    case X509_V_ERR_CERT_REJECTED:
      return "CERT_REJECTED";
    // For these node:tls has but "UNSPECIFIED".
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case kPolicyLeafKey:
      return "EE_KEY_TOO_SMALL";
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case kPolicyAuthorityKey:
      return "CA_KEY_TOO_SMALL";
    case X509_V_ERR_CA_MD_TOO_WEAK:
    case kPolicySignature:
      return "CA_MD_TOO_WEAK";
    default:
      return "UNSPECIFIED";
  }
}

const char* Verification::message() const noexcept {
  switch (error) {
    case kNotAsked:
      return "";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "self-signed certificate";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "self-signed certificate in certificate chain";
    case X509_V_ERR_INVALID_PURPOSE:
      return "unsuitable certificate purpose";
    case X509_V_ERR_UNSPECIFIED:
      return "unspecified certificate verification error";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
      return "EE certificate key too weak";
    case X509_V_ERR_CA_KEY_TOO_SMALL:
      return "CA certificate key too weak";
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return "CA signature digest algorithm too weak";
    case kPolicyLeafKey:
      return "the security policy does not allow the key of the peer's certificate";
    case kPolicyAuthorityKey:
      return "the security policy does not allow the key of an authority in the certificate chain";
    case kPolicySignature:
      return "the security policy does not allow a signature in the certificate chain";
    default:
      return X509_verify_cert_error_string(error);
  }
}

int Verification::alert() const noexcept {
  switch (error) {
    case kNotAsked:
    case X509_V_OK:
      return -1;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return alert::kCertificateExpired;
    case X509_V_ERR_CERT_REVOKED:
      return alert::kCertificateRevoked;
    case X509_V_ERR_INVALID_PURPOSE:
      return alert::kUnsupportedCertificate;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_INVALID_CA:
      return alert::kUnknownCa;
    default:
      return alert::kBadCertificate;
  }
}

}  // namespace s2npkey::tls
