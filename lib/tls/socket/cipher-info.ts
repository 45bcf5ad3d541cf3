import type { HandshakeFacts } from '../../native/events.ts';

/** What `getCipher` returns, as in node:tls. */
export interface CipherInfo {
  /** OpenSSL's name, such as `ECDHE-RSA-AES128-GCM-SHA256`. */
  name: string;
  /** The IANA name, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. */
  standardName: string;
  /** The protocol version of the connection: `TLSv1.2` or `TLSv1.3`. */
  version: string;
}

export function cipherInfoOf(facts: HandshakeFacts): CipherInfo {
  const { cipher: name, cipherStandardName: standardName, protocol: version } = facts;
  return { name, standardName, version };
}
