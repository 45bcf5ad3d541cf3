import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';

/** A certificate chain in node:tls's format. It is parsed on first use, because most connections never need it. */
export class CertificateChain {
  readonly #encoded: readonly (Uint8Array | string)[];
  #certificates: readonly X509Certificate[] | undefined;

  /** @param encoded DER, or one PEM text (of which the first certificate is read); the owner's own first. */
  constructor(encoded: readonly (Uint8Array | string)[]) {
    this.#encoded = encoded;
  }

  /** The owner's own. */
  get leaf(): X509Certificate | undefined {
    return this.#read()[0];
  }

  /**
   * The object that node:tls's `getPeerCertificate` returns; empty if there is no certificate. `detailed` adds
   * `issuerCertificate` from each certificate to the next; a self-signed one is its own issuer.
   */
  legacyObject(detailed: boolean): DetailedPeerCertificate | PeerCertificate | object {
    const [leaf, ...others] = this.#read();
    if (leaf === undefined) return {};
    const object = legacyObjectOf(leaf);
    if (!detailed) return object;
    let child = leaf;
    let shown = object;
    for (const issuer of others) {
      if (!child.checkIssued(issuer)) break;
      const next = legacyObjectOf(issuer);
      shown.issuerCertificate = next;
      child = issuer;
      shown = next;
    }
    if (child.checkIssued(child)) shown.issuerCertificate = shown;
    return object;
  }

  #read(): readonly X509Certificate[] {
    return (this.#certificates ??= this.#encoded.map((bytes) => new X509Certificate(bytes)));
  }
}

function legacyObjectOf(certificate: X509Certificate): DetailedPeerCertificate {
  return certificate.toLegacyObject() as DetailedPeerCertificate;
}
