import { InvalidOptionError } from '../../errors.ts';
import { SignaturesLimitedError } from '../admission/signatures-limited-error.ts';
import {
  checkServedLimits,
  quotaOfLimits,
  type ServedSignatureLimits,
} from '../admission/signature-limits.ts';
import { SignatureTurns } from '../admission/signature-turns.ts';
import { countExtraRequests } from '../extra-requests.ts';
import { LocalKeySigner } from '../local-key-signer.ts';
import { checkQuota, quotaOf } from '../signature-quota.ts';
import type { SignatureScheme } from '../signature-scheme.ts';
import type { SignatureQuota, Signer } from '../signer.ts';
import { checkSocketPath, letsOthersIn } from './socket-file.ts';

/** A request for a signature that `serveSigner` has answered. */
export interface ServedSignature {
  /** Number of the connection that it came by: 1 for the first. */
  readonly connection: number;
  /** IANA's name; undefined for a code point that there is none of. */
  readonly scheme: SignatureScheme | undefined;
  /** `'ok'`, or the `code` of the error. */
  readonly outcome: string;
  /** When it came, in milliseconds since 1970. */
  readonly startTime: number;
  /** Milliseconds from there to the answer. */
  readonly durationMs: number;
  /** Milliseconds of these that it waited for its turn; undefined where its turn did not come. */
  readonly queuedMs: number | undefined;
  /** Of the last request to AWS KMS that was made for it, as in CloudTrail; undefined where there was none. */
  readonly requestId: string | undefined;
}

export interface ServeSignerOptions {
  /** Signs for everyone who connects. Not closed here. */
  readonly signer: Signer;
  /** Of the socket. A file that an earlier process has left is replaced; one that somebody listens at is not. */
  readonly path: string;
  /** Permissions of the socket's file, which say who may have it sign; `0o600` unless given: this user. */
  readonly mode?: number;
  /** Whether `mode` may let every user in. */
  readonly allowOthers?: boolean;
  /** Signatures that one connection may have asked for; 256 unless given. More are refused at once. */
  readonly maxInFlight?: number;
  /** Connections at once; 256 unless given. More are ended at once. */
  readonly maxConnections?: number;
  /** The schemes that clients may ask for; all of the signer's unless given. */
  readonly schemes?: readonly SignatureScheme[];
  /**
   * How many signatures clients may ask for. Unless given, four fifths of the signer's quota, and none for a `LocalKeySigner`.
   * false: no limits.
   */
  readonly signatureLimits?: ServedSignatureLimits | false;
  /** Called for each request for a signature, once it is answered. */
  readonly onSignature?: (signature: ServedSignature) => void;
}

export interface CheckedServeOptions {
  readonly signer: Signer;
  readonly path: string;
  readonly mode: number;
  readonly maxInFlight: number;
  readonly maxConnections: number;
  readonly schemes: readonly SignatureScheme[];
  readonly turns: SignatureTurns | undefined;
  /** What clients are told to keep to. */
  readonly quota: SignatureQuota | undefined;
  readonly onSignature: ServeSignerOptions['onSignature'];
}

/** @throws InvalidOptionError naming the option. */
export function checkServeOptions(options: ServeSignerOptions): CheckedServeOptions {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError('options', 'an object such as { signer, path }', options);
  }
  const { signer, mode = 0o600, allowOthers = false, maxInFlight = 256, maxConnections = 256 } = options;
  const { onSignature } = options;
  if (typeof signer?.sign !== 'function' || !Array.isArray(signer.schemes)) {
    throw new InvalidOptionError('signer', 'a Signer, such as await KmsSigner.open({ keyId })', signer);
  }
  checkQuota('signer.quota', signer.quota);
  const path = checkSocketPath(options.path);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new InvalidOptionError('mode', 'permissions such as 0o600 or 0o660', mode);
  }
  if (typeof allowOthers !== 'boolean') {
    throw new InvalidOptionError('allowOthers', 'true or false', allowOthers);
  }
  if (letsOthersIn(mode) && !allowOthers) {
    throw new InvalidOptionError(
      'mode',
      'permissions without those of others to write, or allowOthers: true beside it: whoever may write to the socket may sign',
      `0o${mode.toString(8)}`,
    );
  }
  for (const [name, value] of Object.entries({ maxInFlight, maxConnections })) {
    if (!Number.isInteger(value) || value < 1)
      throw new InvalidOptionError(name, 'a whole number, 1 or more', value);
  }
  if (onSignature !== undefined && typeof onSignature !== 'function') {
    throw new InvalidOptionError('onSignature', 'a function', onSignature);
  }
  const schemes = checkSchemes(options.schemes, signer);
  const turns = readTurns(options.signatureLimits, signer);
  const all = turns === undefined ? signer.quota : quotaOfLimits(turns.limits);
  const quota = all && { ...all, inFlight: Math.min(all.inFlight, maxInFlight) };
  return { signer, path, mode, maxInFlight, maxConnections, schemes, turns, quota, onSignature };
}

function checkSchemes(given: unknown, signer: Signer): readonly SignatureScheme[] {
  if (given === undefined) return signer.schemes;
  const expected = `an array of schemes that the signer has (${signer.schemes.join(', ')}), one or more`;
  if (!Array.isArray(given) || given.length === 0) throw new InvalidOptionError('schemes', expected, given);
  return given.map((scheme: unknown, at) => {
    const known = signer.schemes.find((each) => each === scheme);
    if (known === undefined) throw new InvalidOptionError(`schemes[${at}]`, expected, scheme);
    return known;
  });
}

function readTurns(
  given: ServedSignatureLimits | false | undefined,
  signer: Signer,
): SignatureTurns | undefined {
  if (given === false || (given === undefined && signer instanceof LocalKeySigner)) return undefined;
  const limits = checkServedLimits(given ?? {}, quotaOf(signer));
  const turns = new SignatureTurns(limits, 'this connection', (limit, name, reason) => {
    const option = `signatureLimits.${limit.replace('perAddress', 'perConnection')}`;
    const message =
      `it was refused before it was asked for: ${reason}. If it is wanted, raise ${option} of the process that signs ` +
      '(and the quota of its service)';
    return new SignaturesLimitedError(limit, name, reason, message);
  });
  countExtraRequests(signer.publicKey, turns);
  return turns;
}
