import type { KeyObject } from 'node:crypto';
import type { InputKind, SignatureScheme } from './signature-scheme.ts';

/** One private-key operation of a TLS handshake (or of a certificate being made): what is to be signed, and how. */
export interface PrivateKeyOperation {
  /**
   * The signature scheme. Under TLS 1.2 the ECDSA schemes name the hash only (RFC 5246 §7.4.1.4.1): a P-384 key may be
   * asked for `ecdsa_secp256r1_sha256`, which means ECDSA with that key over a SHA-256 digest.
   */
  readonly scheme: SignatureScheme;
  /** The bytes to sign: already hashed when `inputKind` is `digest`. */
  readonly input: Uint8Array;
  readonly inputKind: InputKind;
  /**
   * The message that `input` was made from, where it is the content of a CertificateVerify of TLS 1.3 (RFC 8446 §4.4.3). A signer can
   * see by it that it signs a handshake. Undefined in TLS 1.2, and outside handshakes.
   */
  readonly content?: Uint8Array | undefined;
}

export interface SignOptions {
  /** Aborted when the answer is no longer wanted: the peer went, or the handshake's time is up. */
  readonly signal?: AbortSignal;
}

/** What the service behind a signer allows. */
export interface SignatureQuota {
  /** Signatures a second, of the account or machine. */
  readonly perSecond: number;
  /** Signatures that it makes at once; more would wait for a connection. */
  readonly inFlight: number;
  /** Each process has as much for itself: the workers of a cluster do not divide it. */
  readonly perProcess?: boolean;
}

/** What a signer knows about itself without signing. */
export interface SignerState {
  /** False: it refuses to sign now. */
  readonly ready: boolean;
  /** Why it is not ready. It is shown to whoever may ask for the health of the server, so it has no secret and no ARN. */
  readonly reason?: string;
}

/**
 * A key that signs, wherever it is. This is the whole contract between TLS (or a certificate being made) and the place
 * where the private key lives.
 */
export interface Signer {
  /** The public half, as Node knows it (`crypto.KeyObject` of type `public`). */
  readonly publicKey: KeyObject;
  /** The schemes `sign` can be asked for. */
  readonly schemes: readonly SignatureScheme[];
  /**
   * By it servers limit how many signatures their clients can have them ask for (the option `signatureLimits`). Without it the
   * quota of AWS KMS counts.
   */
  readonly quota?: SignatureQuota;
  /**
   * Resolves to the signature: DER `Ecdsa-Sig-Value` for ECDSA (RFC 3279 §2.2.3), the modulus' length in bytes for RSA (PSS
   * with a salt as long as the digest), FIPS 204 for ML-DSA. Rejects with a `SignerError`.
   */
  sign(operation: PrivateKeyOperation, options?: SignOptions): Promise<Uint8Array>;
  /** For `health`: called often, so it must be cheap, and it must not sign. */
  state?(): SignerState;
}
