/** What `getCipher` returns, as in node:tls. */
export interface CipherInfo {
  /** OpenSSL's name. */
  name: string;
  /** IANA's name. */
  standardName: string;
  /** The protocol version the suite was defined for. */
  version: string;
}
