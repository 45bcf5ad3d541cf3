import { anything, callback, flag, group, list, wholeNumber } from '../../options/kinds.ts';
import {
  readOption,
  readOptions,
  readOptionsObject,
  refusal,
  type Option,
  type OptionValues,
  type Schema,
} from '../../options/option.ts';
import { addon } from '../../native/addon.ts';
import { SignaturesLimitedError } from '../admission/signatures-limited-error.ts';
import {
  completeServedLimits,
  quotaOfLimits,
  servedLimits,
  servedLimitsSchema,
  type ServedSignatureLimits,
} from '../admission/signature-limits.ts';
import { SignatureTurns } from '../admission/signature-turns.ts';
import { countExtraRequests } from '../extra-requests.ts';
import { LocalKeySigner } from '../local-key-signer.ts';
import { quotaOf } from '../signature-quota.ts';
import type { SignatureScheme } from '../signature-scheme.ts';
import { signerOption } from '../signer-option.ts';
import type { SignatureQuota, Signer } from '../signer.ts';
import { inheritedSocketPath } from './inherited-socket.ts';
import { peersSchema, type AllowedPeers, type SignerPeer } from './peer.ts';
import { letsOthersIn, socketPathOption } from './socket-file.ts';

/** A request for a signature that `serveSigner` has answered. */
export interface ServedSignature {
  /** Number of the connection that it came by: 1 for the first. */
  readonly connection: number;
  /** The process that connected; undefined where the kernel cannot be asked. */
  readonly peer: SignerPeer | undefined;
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

/** What can change while clients are connected; see `SignerServer.reload`. */
export interface ServedOptions {
  /** Signs for everyone who connects. Not closed here. */
  readonly signer: Signer;
  /** Who may connect, beside the permissions of the socket's file; everyone unless given. */
  readonly allow?: AllowedPeers;
  /** Signatures that one connection may have asked for; 256 unless given. More are refused at once. */
  readonly maxInFlight?: number;
  /** Connections at once; 256 unless given. More are ended at once. */
  readonly maxConnections?: number;
  /** The schemes that clients may ask for; all of the signer's unless given. */
  readonly schemes?: readonly SignatureScheme[];
  /**
   * Whether nothing is signed but handshakes of TLS 1.3, which the process that signs sees for itself: clients send what is to be signed
   * and not its hash. Handshakes of TLS 1.2, certificates and all else are refused. false unless given.
   */
  readonly handshakesOnly?: boolean;
  /**
   * How many signatures clients may ask for. Unless given, four fifths of the signer's quota, and none for a `LocalKeySigner`.
   * false: no limits.
   */
  readonly signatureLimits?: ServedSignatureLimits | false;
}

export interface ServeSignerOptions extends ServedOptions {
  /** Of the socket. A file that an earlier process has left is replaced; one that somebody listens at is not. */
  readonly path?: string;
  /** In place of `path`: the descriptor of a socket that listens already, such as systemd passes. Its file is not removed. */
  readonly fd?: number;
  /** Permissions of the socket's file, which say who may have it sign; `0o600` unless given: this user. */
  readonly mode?: number;
  /** Whether `mode` may let every user in. */
  readonly allowOthers?: boolean;
  /** Called for each request for a signature, once it is answered. */
  readonly onSignature?: (signature: ServedSignature) => void;
  /** Called for each process that `allow` keeps out. */
  readonly onRefused?: (peer: SignerPeer | undefined) => void;
}

/** What a file of settings can say, too. */
export const servedSchema = {
  allow: group(peersSchema, 'an object such as { uids: [1000], gids: [33] }'),
  maxInFlight: wholeNumber({ least: 1, fallback: 256 }),
  maxConnections: wholeNumber({ least: 1, fallback: 256 }),
  schemes: list(
    anything<SignatureScheme>({
      ...{ type: 'string', expected: 'a signature scheme of the signer', isSecret: false },
      fits: (value) => typeof value === 'string',
    }),
    'an array of schemes that the signer has, one or more',
    1,
  ),
  handshakesOnly: flag(false),
  signatureLimits: servedLimits,
} satisfies Schema;

export const reloadSchema = { signer: signerOption, ...servedSchema } satisfies Schema;

export const serveSchema = {
  signer: signerOption,
  path: { ...(socketPathOption as Option<string | undefined>), isRequired: false },
  fd: wholeNumber({ least: 0 }),
  mode: {
    ...wholeNumber({ least: 0, most: 0o777, fallback: 0o600 }),
    expected: 'permissions such as 0o600 or 0o660',
  },
  allowOthers: flag(false),
  ...servedSchema,
  onSignature: callback<(signature: ServedSignature) => void>(),
  onRefused: callback<(peer: SignerPeer | undefined) => void>(),
} satisfies Schema;

/** What can change while clients are connected, all of it known. */
export interface CheckedServing {
  readonly signer: Signer;
  readonly allow: AllowedPeers | undefined;
  readonly maxInFlight: number;
  readonly maxConnections: number;
  readonly schemes: readonly SignatureScheme[];
  readonly handshakesOnly: boolean;
  readonly turns: SignatureTurns | undefined;
  /** What clients are told to keep to. */
  readonly quota: SignatureQuota | undefined;
}

export interface CheckedServeOptions {
  readonly serving: CheckedServing;
  readonly place: { readonly path: string; readonly mode: number; readonly fd: number | undefined };
  readonly onSignature: ServeSignerOptions['onSignature'];
  readonly onRefused: ServeSignerOptions['onRefused'];
}

/** @throws InvalidOptionError naming the option. */
export function checkServeOptions(options: ServeSignerOptions): CheckedServeOptions {
  const read = readOptionsObject(serveSchema, options, 'an object such as { signer, path }');
  const { onSignature, onRefused } = read;
  const place = checkPlace(read, options.mode);
  return { serving: completeServing(read), place, onSignature, onRefused };
}

/** @throws InvalidOptionError naming the option. */
export function checkServing(options: ServedOptions): CheckedServing {
  return completeServing(readOptionsObject(reloadSchema, options, 'an object such as { signer }'));
}

function completeServing(read: OptionValues<typeof reloadSchema>): CheckedServing {
  const { signer, maxInFlight, maxConnections, handshakesOnly } = read;
  const allow = checkAllowed(read.allow);
  const schemes = checkSchemes(read.schemes, signer);
  const turns = readTurns(read.signatureLimits, signer);
  const all = turns === undefined ? signer.quota : quotaOfLimits(turns.limits);
  const quota = all && { ...all, inFlight: Math.min(all.inFlight, maxInFlight) };
  return { signer, allow, maxInFlight, maxConnections, schemes, handshakesOnly, turns, quota };
}

function checkAllowed(allow: OptionValues<typeof servedSchema>['allow']): AllowedPeers | undefined {
  if (allow === undefined) return undefined;
  const { uids = [], gids = [] } = allow;
  if (uids.length + gids.length === 0) {
    throw refusal('allow', servedSchema.allow, allow, 'one user or group, or more');
  }
  addon(); // The kernel is asked by it.
  return { uids, gids };
}

function checkPlace(
  { path, fd, mode, allowOthers }: OptionValues<typeof serveSchema>,
  givenMode: number | undefined,
): CheckedServeOptions['place'] {
  if (fd !== undefined) {
    const expected = 'nothing beside fd, whose socket has a path and permissions';
    if (path !== undefined) throw refusal('path', serveSchema.path, path, expected);
    if (givenMode !== undefined) throw refusal('mode', serveSchema.mode, mode, expected);
    return { path: inheritedSocketPath(fd), mode, fd };
  }
  if (letsOthersIn(mode) && !allowOthers) {
    throw refusal(
      'mode',
      serveSchema.mode,
      `0o${mode.toString(8)}`,
      'permissions without those of others to write, or allowOthers: true beside it: whoever may write to the socket may sign',
    );
  }
  return { path: readOption('path', socketPathOption, path), mode, fd };
}

function checkSchemes(
  given: readonly SignatureScheme[] | undefined,
  signer: Signer,
): readonly SignatureScheme[] {
  const unknown = given?.findIndex((scheme) => !signer.schemes.includes(scheme)) ?? -1;
  if (unknown === -1) return given ?? signer.schemes;
  const expected = `one of the schemes that the signer has (${signer.schemes.join(', ')})`;
  throw refusal(`schemes[${unknown}]`, serveSchema.schemes, given?.[unknown], expected);
}

function readTurns(
  given: OptionValues<typeof serveSchema>['signatureLimits'],
  signer: Signer,
): SignatureTurns | undefined {
  if (given === false || (given === undefined && signer instanceof LocalKeySigner)) return undefined;
  const limits = completeServedLimits(given ?? readOptions(servedLimitsSchema, {}), quotaOf(signer));
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
