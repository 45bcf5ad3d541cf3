import { createHash, type X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { watch, type FSWatcher } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname, resolve } from 'node:path';
import { Given, InvalidOptionError, S2nPkeyError } from '../../errors.ts';
import { certificateChannel } from '../../observe/channels/channels.ts';
import type { CertificateMessage } from '../../observe/channels/operation-messages.ts';
import { refusal } from '../../options/option.ts';
import { readChain } from '../../pem/certificates.ts';
import { pemText } from '../../pem/pem-text.ts';
import type { Signer } from '../../signers/signer.ts';
import { readSecureContext, type SecureContextOptions } from '../context/secure-context.ts';
import type { Identity } from '../context/identity.ts';
import { contextsOf } from './secure-server.ts';
import type { ServerContexts } from '../context/server-contexts.ts';
import {
  readWatchOptions,
  watchOnlyOptions,
  watchSchema,
  type WatchCertificateOptions,
  type WatchTimes,
} from './watch-options.ts';

export type { WatchCertificateOptions } from './watch-options.ts';

/** The certificate that is served now. */
export interface SwappedCertificate {
  /** SHA-256 of the server's own certificate, as `X509Certificate.fingerprint256` writes it. */
  readonly fingerprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** @internal The clock and timers of a watch, which tests replace. Timers do not keep the process alive. */
export interface WatchClock {
  now(): number;
  /** Calls `act` once after `milliseconds`, unless the returned function is called first. */
  after(milliseconds: number, act: () => void): () => void;
}

const systemClock: WatchClock = {
  now: Date.now,
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds).unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Milliseconds from the first refusal to the next try. It doubles with each refusal, up to the maximum. */
const firstRetry = 1_000;
const longestRetry = 60_000;
/** Milliseconds that the function `signer` may take, so that a promise that never settles cannot stop the watch. */
const signerTimeout = 60_000;

/** What a `CertificateWatch` emits. */
export interface CertificateWatchEvents {
  swapped: [SwappedCertificate];
  refused: [Error];
  close: [];
}

/**
 * Watches a certificate file. It emits `'swapped'` (certificate) when new connections get another certificate. It emits
 * `'refused'` (error) when the file's content cannot be served, and the current certificate stays. It retries with back-off
 * until the content can be served, and each failed try emits `'refused'`. Without a listener, a refusal is a process warning.
 */
export class CertificateWatch extends EventEmitter<CertificateWatchEvents> {
  readonly #options: WatchCertificateOptions;
  readonly #path: string;
  readonly #contexts: ServerContexts;
  readonly #settle: number;
  readonly #poll: NodeJS.Timeout;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #clock: WatchClock;
  #settling: NodeJS.Timeout | undefined;
  /** SHA-256 of the content that was served last. */
  #served: string;
  /** The content that was refused last, until some content is served. */
  #refused: { readonly digest: string; readonly delay: number } | undefined;
  #cancelRetry: (() => void) | undefined;
  /** The identities of the certificate that was served last. */
  #serving: readonly Identity[];
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #closed = false;

  /** @internal Only `watchCertificate` creates watches. */
  constructor(
    contexts: ServerContexts,
    options: WatchCertificateOptions,
    served: string,
    serving: readonly Identity[],
    times: WatchTimes,
    clock: WatchClock,
  ) {
    super();
    this.#clock = clock;
    this.#serving = serving;
    this.#contexts = contexts;
    this.#options = options;
    this.#path = resolve(options.cert);
    this.#served = digestOf(served);
    this.#settle = times.settle;
    this.#poll = setInterval(() => {
      this.#look();
    }, times.interval);
    this.#poll.unref();
    this.#look(); // The file may have changed since it was read.
  }

  /** Stops watching. The server keeps the current certificate. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    this.#cancelRetry?.();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    this.emit('close');
  }

  /** Supports `using`; the same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Watches the folders on the path instead of the file, because a renewal renames a new file over it or replaces a link on
   * the path (Kubernetes replaces `..data` beside the file's own link).
   */
  async #followLinks(): Promise<void> {
    const target = await realpath(this.#path).catch(() => this.#path);
    if (this.#closed) return;
    const folders = new Set([dirname(this.#path), dirname(target)]);
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (!this.#watchers.has(folder)) this.#watchFolder(folder);
    }
  }

  /** If the system has no watcher left, or the file system supports none, the interval still finds changes. */
  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        this.#changed();
      });
      watcher.on('error', () => {
        watcher.close();
        if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // The interval still checks.
    }
  }

  #changed(): void {
    if (this.#closed) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#look();
    }, this.#settle);
    this.#settling.unref();
  }

  #look(): void {
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = undefined;
      if (!this.#lookAgain) return;
      this.#lookAgain = false;
      this.#look();
    });
  }

  async #lookOnce(): Promise<void> {
    if (this.#closed) return;
    await this.#followLinks();
    let content: string;
    try {
      content = await readPem(this.#path);
    } catch (cause) {
      this.#refuse(
        `unreadable ${String(cause)}`,
        new S2nPkeyError(refusedCode, `${this.#path} cannot be read`, { cause }),
      );
      return;
    }
    const digest = digestOf(content);
    if (this.#isClosed() || (this.#refused ? this.#awaitsRetry(digest) : digest === this.#served)) return;
    let swapped: Awaited<ReturnType<typeof serve>>;
    try {
      swapped = await serve(this.#contexts, this.#options, content, this.#serving, this.#clock, () =>
        this.#isClosed(),
      );
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `the certificate in ${this.#path} is not served, the former one stays: ${why}`;
      this.#refuse(content, new S2nPkeyError(refusedCode, message, { cause }));
      return;
    }
    if (swapped === undefined) return;
    this.#served = digest;
    this.#refused = undefined;
    this.#cancelRetry?.();
    this.#serving = swapped.identities;
    this.#publish('ok', undefined, swapped.certificate);
    this.emit('swapped', swapped.certificate);
  }

  /** Whether this content was refused and waits for its next try. */
  #awaitsRetry(digest: string): boolean {
    return digest === this.#refused?.digest && this.#cancelRetry !== undefined;
  }

  /** The cause may go away without a change of the file: a clock, the signer, a permission. */
  #refuse(content: string, error: Error): void {
    const digest = digestOf(content);
    if (this.#isClosed() || this.#awaitsRetry(digest)) return;
    const last = this.#refused?.digest === digest ? this.#refused.delay : undefined;
    const delay = last === undefined ? firstRetry : Math.min(2 * last, longestRetry);
    this.#refused = { digest, delay };
    this.#cancelRetry?.();
    const cancel = this.#clock.after(delay, () => {
      this.#cancelRetry = undefined;
      this.#look();
    });
    this.#cancelRetry = () => {
      this.#cancelRetry = undefined;
      cancel();
    };
    this.#publish(refusedCode, error);
    if (!this.emit('refused', error)) process.emitWarning(error);
  }

  #publish(outcome: string, error: Error | undefined, served?: SwappedCertificate): void {
    if (!certificateChannel.hasSubscribers) return;
    const { cert: file, servername } = this.#options;
    const { fingerprint, notAfter } = served ?? {};
    certificateChannel.publish({
      ...{ outcome, error, file, servername, fingerprint, notAfter },
    } satisfies CertificateMessage);
  }

  #isClosed(): boolean {
    return this.#closed;
  }
}

const refusedCode = 'ERR_S2N_PKEY_CERTIFICATE_REFUSED';

/**
 * Serves the certificate in a file, and reloads it when the file changes. Renewals need no restart and drop no connection.
 * A file that is incomplete, for another key, expired or not yet valid is refused. The current certificate stays, and the
 * file is tried again until it can be served.
 *
 * @param server A server from `createServer`, or an attached one.
 * @param clock For tests.
 * @returns Resolves when the file's current certificate is served.
 * @throws InvalidOptionError; S2nPkeyError `ERR_S2N_PKEY_CERTIFICATE_REFUSED` if the file cannot be served now.
 */
export async function watchCertificate(
  server: Server,
  options: WatchCertificateOptions,
  clock: WatchClock = systemClock,
): Promise<CertificateWatch> {
  const contexts = contextsOf(server);
  if (contexts === undefined) {
    throw new InvalidOptionError('server', 'a server of createServer, or one that was attached', server);
  }
  const times = readWatchOptions(options);
  try {
    const content = await readPem(options.cert);
    const served = await serve(contexts, options, content, [], clock, () => false);
    return new CertificateWatch(contexts, options, content, served?.identities ?? [], times, clock);
  } catch (cause) {
    if (cause instanceof InvalidOptionError && cause.option !== 'cert') throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new S2nPkeyError(refusedCode, `the certificate in ${options.cert} cannot be served: ${why}`, {
      cause,
    });
  }
}

/** Resolves to undefined if `isClosed` meanwhile. */
async function serve(
  contexts: ServerContexts,
  options: WatchCertificateOptions,
  cert: string,
  former: readonly Identity[],
  clock: WatchClock,
  isClosed: () => boolean,
): Promise<{ certificate: SwappedCertificate; identities: readonly Identity[] } | undefined> {
  const { signer, servername } = options;
  const leaf = readLeaf(cert, clock.now());
  const found = typeof signer === 'function' ? await findSigner(signer, cert, clock) : signer;
  const contextOptions: SecureContextOptions = { ...options, cert, signer: found };
  for (const name of watchOnlyOptions) Reflect.deleteProperty(contextOptions, name);
  const context = readSecureContext(contextOptions);
  if (isClosed()) return undefined;
  contexts.renew(servername, context, former);
  const certificate = {
    fingerprint: leaf.fingerprint256,
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
  };
  return { certificate, identities: context.identities };
}

/** Resolves to the function's signer. A signer that comes too late is not used; the next try calls the function again. */
async function findSigner(
  find: (cert: string) => Signer | Promise<Signer>,
  cert: string,
  clock: WatchClock,
): Promise<Signer> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(signerTimeout, () => {
      reject(new Error(`the function signer did not settle within ${signerTimeout} ms`));
    });
  });
  try {
    return await Promise.race([find(cert), late]);
  } finally {
    cancel();
  }
}

async function readPem(path: string): Promise<string> {
  return pemText(await readFile(path)) ?? '';
}

function readLeaf(cert: string, now: number): X509Certificate {
  const expected = "a PEM certificate chain, the server's own first";
  const [leaf] = readChain('cert', expected, cert).certificates;
  if (leaf === undefined) throw refusal('cert', watchSchema.cert, cert, expected);
  const valid = { expected: 'a certificate that is valid now', isSecret: true };
  if (now > Date.parse(leaf.validTo)) {
    throw refusal('cert', valid, new Given(`one that expired on ${leaf.validTo}`));
  }
  if (now < Date.parse(leaf.validFrom)) {
    throw refusal('cert', valid, new Given(`one that is valid from ${leaf.validFrom}`));
  }
  return leaf;
}

function digestOf(content: string): string {
  return createHash('sha256').update(content, 'latin1').digest('hex');
}
