import { X509Certificate } from 'node:crypto';
import { InvalidOptionError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { readOption, type Option, type SchemaOf } from '../../options/option.ts';
import type { NativeIdentity } from '../../native/binding.ts';
import { checkCertificateMatchesSigner } from '../../signers/certificate-match.ts';
import { LocalKeySigner } from '../../signers/local-key-signer.ts';
import { readChain, type PemCertificate } from '../../pem/certificates.ts';
import { pemText } from '../../pem/pem-text.ts';
import { publicKeyOf } from '../../signers/public-key.ts';
import { kindOfKey } from '../../signers/schemes-of-key.ts';
import { signerOption } from '../../signers/signer-option.ts';
import type { Signer } from '../../signers/signer.ts';

/** A certificate and the signer that holds its private key. */
export interface IdentityOptions {
  /** PEM certificate chain, the server's own certificate first. In an array, authorities may be separate texts. */
  cert: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Holds the certificate's private key. A `LocalKeySigner` signs on the engine's thread. */
  signer: Signer;
  /** DER, for clients that request it (OCSP stapling, RFC 6066 §8). See also `server.setOcspResponse`. */
  ocspResponse?: Uint8Array;
}

const expectedChain = "a PEM certificate chain, the server's own certificate first";

export const identitySchema = {
  cert: {
    ...{ type: 'string | Uint8Array | Array', expected: expectedChain, isSecret: true },
    fits: (value) => Array.isArray(value) || pemText(value) !== undefined,
  },
  signer: signerOption,
  ocspResponse: {
    ...{ type: 'Uint8Array', expected: 'a Buffer with an OCSP response, DER', isSecret: true },
    // OCSPResponse is a SEQUENCE (RFC 6960 §4.2.1).
    fits: (value) => value instanceof Uint8Array && value[0] === 0x30,
  },
} satisfies SchemaOf<IdentityOptions>;

/** A checked identity, in the form that the engine needs. */
export interface Identity {
  /** The certificate chain, PEM. */
  readonly certificateChain: string;
  readonly signer: Signer;
  readonly native: NativeIdentity;
  /** `rsa`, `ec` or `ml-dsa` (of any level). A handshake chooses an identity by it. */
  readonly keyType: string | undefined;
  /** DER. */
  readonly ocspResponse?: Uint8Array | undefined;
}

/** A certificate chain, PEM, and the signer of its key. */
export type Certified = Omit<Identity, 'native' | 'ocspResponse'>;

/** As `readIdentity`, without what the engine needs. */
export function readCertified(
  { cert, signer: given }: Partial<IdentityOptions>,
  option: string,
  authorities: () => readonly PemCertificate[],
): Certified {
  readOption(`${option}cert`, { ...identitySchema.cert, isRequired: true }, cert);
  const certificateChain = readCertificate(
    oneText(cert, given, `${option}cert`),
    `${option}cert`,
    authorities,
  );
  const signer = readOption(`${option}signer`, signerOption, given);
  checkCertificateMatchesSigner(certificateChain, signer);
  return { certificateChain, signer, keyType: kindOfKey(signer.publicKey)?.type };
}

/**
 * Reads one identity. `option` is its place in the caller's options, such as `identities[1].`; empty at the top. `authorities`
 * may complete its chain.
 *
 * @throws InvalidOptionError, naming the option; KeyMismatchError.
 */
export function readIdentity(
  options: Partial<IdentityOptions>,
  option = '',
  authorities: () => readonly PemCertificate[] = () => [],
): Identity {
  const certified = readCertified(options, option, authorities);
  const { certificateChain, signer } = certified;
  const { ocspResponse } = options;
  const chain = new (addon().CertificateChain)(certificateChain);
  const native = signer instanceof LocalKeySigner ? { chain, localKey: signer.nativeKey } : { chain };
  const identity = { ...certified, native };
  return ocspResponse === undefined ? identity : withOcspResponse(identity, ocspResponse, option);
}

/**
 * Returns the identity with another OCSP response; null: none.
 *
 * @throws InvalidOptionError.
 */
export function withOcspResponse(identity: Identity, response: unknown, option = ''): Identity {
  const row: Option<Uint8Array> = { ...identitySchema.ocspResponse, isRequired: true };
  const given = response === null ? undefined : readOption(`${option}ocspResponse`, row, response);
  const chain = new (addon().CertificateChain)(identity.certificateChain, given);
  const ocspResponse = given && Uint8Array.from(given);
  return { ...identity, native: { ...identity.native, chain }, ocspResponse };
}

/**
 * Replaces the identities in `former`, and those with the kinds of key in `next`, with `next`. An unchanged certificate
 * keeps its OCSP response, which is not valid for any other certificate.
 */
export function renewIdentities(
  identities: readonly Identity[],
  next: readonly Identity[],
  former: readonly Identity[],
): Identity[] {
  const isFormer = ({ certificateChain, signer }: Identity): boolean =>
    former.some((each) => each.certificateChain === certificateChain && each.signer === signer);
  const coming = [...next];
  const renewed = identities.flatMap((identity) => {
    const at = coming.findIndex(({ keyType }) => keyType === identity.keyType);
    const [replacement] = at < 0 ? [] : coming.splice(at, 1);
    if (!replacement) return isFormer(identity) ? [] : [identity];
    const stays = isSameCertificate(identity, replacement) && replacement.ocspResponse === undefined;
    return [
      stays && identity.ocspResponse ? withOcspResponse(replacement, identity.ocspResponse) : replacement,
    ];
  });
  return [...renewed, ...coming];
}

function isSameCertificate(one: Identity, other: Identity): boolean {
  const [first, second] = [one, other].map(({ certificateChain }) => new X509Certificate(certificateChain));
  return first?.fingerprint256 === second?.fingerprint256;
}

/**
 * Makes one chain from an array of texts in node:tls's format: the text for the signer's key, then those of authorities. For
 * chains of several keys, which node:tls also accepts here, use `identities`.
 */
function oneText(cert: unknown, signer: unknown, option: string): unknown {
  if (!Array.isArray(cert) || cert.length === 0) return cert;
  const read = cert.map((each: unknown) => readChain(option, expectedChain, each));
  const own = read.find(
    ({ certificates: [first] }) =>
      signerOption.fits(signer) && first && publicKeyOf(first).equals((signer as Signer).publicKey),
  );
  const chains = own ? [own, ...read.filter((each) => each !== own)] : read;
  const all = chains.flatMap(({ certificates }) => certificates);
  const isOfChain = ({ certificates: [first] }: (typeof chains)[number]): boolean =>
    first !== undefined && all.some((each) => each !== first && each.checkIssued(first));
  if (!chains.slice(1).every(isOfChain)) {
    throw new InvalidOptionError(
      option,
      'the texts of one chain; pass chains for other keys with their signers as `identities`',
      `${chains.length} texts, more than one of which is no authority's`,
    );
  }
  return chains.map(({ pem }) => pem).join('\n');
}

/** Completes a single leaf with its issuers in `ca`, including the root, as node:tls does. */
function readCertificate(
  cert: unknown,
  option: string,
  authorities: () => readonly PemCertificate[],
): string {
  const { pem, certificates } = readChain(option, expectedChain, cert);
  const [leaf, ...others] = certificates;
  return leaf === undefined || others.length > 0 ? pem : pem + issuersOf(leaf, authorities());
}

/** The issuers from the leaf's to the root, as far as they are available. */
function issuersOf(leaf: X509Certificate, authorities: readonly PemCertificate[]): string {
  const candidates = authorities.flatMap(({ pem }) => {
    try {
      return [{ pem, certificate: new X509Certificate(pem) }];
    } catch {
      return []; // The trust store reports the invalid one by name.
    }
  });
  let chain = '';
  let child = leaf;
  while (!child.checkIssued(child)) {
    const index = candidates.findIndex(
      ({ certificate }) => child.checkIssued(certificate) && child.verify(certificate.publicKey),
    );
    const [issuer] = index === -1 ? [] : candidates.splice(index, 1);
    if (issuer === undefined) break;
    chain += issuer.pem;
    child = issuer.certificate;
  }
  return chain;
}
