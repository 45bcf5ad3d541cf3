/** PEM as OpenSSL writes it: lines of 64 characters, with an end of line after the last (RFC 7468 §2). */
export function pem(label: 'CERTIFICATE' | 'CERTIFICATE REQUEST', der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
