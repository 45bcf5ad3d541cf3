// Descriptions of fatal alerts: the codes of IANA's registry "TLS Alerts" (RFC 8446 section 6.2).
#pragma once

namespace s2npkey::tls::alert {

inline constexpr int kUnexpectedMessage = 10;
inline constexpr int kBadRecordMac = 20;
inline constexpr int kHandshakeFailure = 40;
inline constexpr int kBadCertificate = 42;
inline constexpr int kUnsupportedCertificate = 43;
inline constexpr int kCertificateRevoked = 44;
inline constexpr int kCertificateExpired = 45;
inline constexpr int kIllegalParameter = 47;
inline constexpr int kUnknownCa = 48;
inline constexpr int kDecodeError = 50;
inline constexpr int kProtocolVersion = 70;
inline constexpr int kInternalError = 80;
inline constexpr int kInappropriateFallback = 86;  // RFC 7507
inline constexpr int kUnrecognizedName = 112;      // RFC 6066 section 3
inline constexpr int kCertificateRequired = 116;
inline constexpr int kNoApplicationProtocol = 120;  // RFC 7301

}  // namespace s2npkey::tls::alert
