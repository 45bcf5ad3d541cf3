/**
 * A signer in another process of this machine, through a Unix socket: one small process has the credentials, many workers have none.
 *
 * @module s2n-pkey/socket-signer
 */
import type { KeyObject } from 'node:crypto';
import { SignerError } from '../../errors.ts';
import { inputOfMessage } from '../certificate-verify.ts';
import { closedError } from '../closed-error.ts';
import { flag } from '../../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../../options/option.ts';
import { timeoutOption, withDeadline } from '../deadline.ts';
import { checkOperation } from '../operation-check.ts';
import { forgetQuota, rememberQuota } from '../signature-quota.ts';
import type { SignatureScheme, SignatureSchemeFacts } from '../signature-scheme.ts';
import type { PrivateKeyOperation, SignatureQuota, Signer, SignOptions } from '../signer.ts';
import { checkSocketFile, socketPathOption } from './socket-file.ts';
import { SocketSignerError } from './socket-signer-error.ts';
import { SignerLink, type SignerKey } from './signer-link.ts';

export { serveSigner, SignerServer } from './serve-signer.ts';
export type { ServedOptions, ServedSignature, ServeSignerOptions } from './serve-signer-options.ts';
export type { AllowedPeers, SignerPeer } from './peer.ts';
export type { ConnectionLimits, ServedSignatureLimits } from '../admission/signature-limits.ts';
export { SocketSignerError, type SocketSignerFault } from './socket-signer-error.ts';

export interface SocketSignerOptions {
  /** Of the socket that `serveSigner`, or `npx s2n-pkey signer`, listens at. */
  readonly path: string;
  /** Milliseconds for one signature, waiting for the process to come back included; 5,000 unless given. */
  readonly timeout?: number;
  /** Whether the socket may be one that every user of the machine can connect to. */
  readonly allowOthers?: boolean;
}

export const socketSignerSchema = {
  path: socketPathOption,
  timeout: timeoutOption,
  allowOthers: flag(false),
} satisfies SchemaOf<SocketSignerOptions>;

/** Signs through a Unix socket; see `serveSigner`. */
export class SocketSigner implements Signer {
  /** Absolute. */
  readonly path: string;
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  /** What the process behind the socket told when the signer was opened: servers limit themselves by it (`signatureLimits`). */
  readonly quota?: SignatureQuota;
  readonly #link: SignerLink;
  readonly #timeout: number;
  #closed = false;

  private constructor(
    path: string,
    link: SignerLink,
    timeout: number,
    { publicKey, schemes, quota }: SignerKey,
  ) {
    this.path = path;
    this.publicKey = publicKey;
    this.schemes = schemes;
    if (quota !== undefined) {
      this.quota = { ...quota, perProcess: true }; // of one connection, and each process has one of its own
      rememberQuota(this);
    }
    this.#link = link;
    this.#timeout = timeout;
  }

  /**
   * Connects, and learns what key is there.
   *
   * @throws InvalidOptionError
   * @throws SocketSignerError `ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE`, `_PERMISSIONS`, `_REFUSED`, `_PROTOCOL`, `_TIMEOUT`.
   */
  static async open(options: SocketSignerOptions): Promise<SocketSigner> {
    const { path, timeout, allowOthers } = readOptionsObject(
      socketSignerSchema,
      options,
      'an object such as { path }',
    );
    const link = new SignerLink(path, allowOthers);
    try {
      await checkSocketFile(path, allowOthers);
      const key = await withDeadline({ timeout, timedOut: timedOut(path) }, () => link.connect());
      return new SocketSigner(path, link, timeout, key);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /**
   * As in `Signer`. While the process behind the socket is away, signatures wait for it, within `timeout`. Rejects with a
   * SocketSignerError for what fails at the socket, and with a SignerError of the same code for what fails behind it.
   */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw closedError(this.path);
    const facts = checkOperation(operation, this.schemes);
    const deadline = { signal, timeout: this.#timeout, timedOut: timedOut(this.path, this.#link) };
    const { input, content } = operation;
    if (content !== undefined) checkContent(content, input, facts, this.publicKey);
    return withDeadline(deadline, (ended) => this.#link.sign({ scheme: facts.code, input, content }, ended));
  }

  /** Nothing is signed from now on; what is under way is given up. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgetQuota(this);
    this.#link.close(closedError(this.path));
  }

  /** For `using`: as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** @throws SignerError `ERR_S2N_PKEY_OPERATION_INVALID`: the other process would sign something else. */
function checkContent(
  content: unknown,
  input: Uint8Array,
  facts: SignatureSchemeFacts,
  publicKey: KeyObject,
): void {
  if (content instanceof Uint8Array && inputOfMessage(facts, publicKey, content).equals(input)) return;
  throw new SignerError('content: expected the message that input was made from, or none', {
    code: 'ERR_S2N_PKEY_OPERATION_INVALID',
  });
}

function timedOut(path: string, link?: SignerLink): (milliseconds: number) => SignerError {
  return (milliseconds) =>
    link?.lastFailure ??
    new SocketSignerError('TIMEOUT', path, `${path} did not answer within ${milliseconds} ms`);
}
