/**
 * A KMS of your own in another process, for tests: keys, signatures, errors on demand and a count of every request.
 *
 * @module s2n-pkey/local-kms
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { anything, milliseconds, text, wholeNumber } from '../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../options/option.ts';
import { programArguments } from '../programs.ts';
import {
  accountPattern,
  defaultAccount,
  controlTokenVariable,
  defaultRegion,
  listeningPrefix,
  regionPattern,
} from './command-line.ts';
import { controlPath } from './control.ts';
import type { CountersSnapshot } from './counters.ts';
import { LocalKmsError } from './store/local-kms-error.ts';
import { quotaOption, quotaText, type LocalKmsQuota } from './quotas.ts';
import { checkMisbehaviour, type Misbehaviour } from './misbehaviour.ts';
import type { LocalKmsCredentials } from './request/sigv4.ts';

export type { CountersSnapshot, OperationCounters } from './counters.ts';
export type { Misbehaviour, MisbehaviourKind } from './misbehaviour.ts';
export type { LocalKmsCredentials } from './request/sigv4.ts';
export type { LocalKmsQuota } from './quotas.ts';
export { LocalKmsError } from './store/local-kms-error.ts';

export interface LocalKmsOptions {
  /** Where keys are kept. Without it they are kept in a temporary directory, which `close` removes. */
  readonly dataDirectory?: string;
  /** Any free port unless given. */
  readonly port?: number;
  /** What requests must be signed with. Without it: made up for this process. */
  readonly credentials?: LocalKmsCredentials;
  /** `us-east-1` unless given. */
  readonly region?: string;
  /** Twelve digits; `000000000000` unless given. */
  readonly account?: string;
  /** The data directory of another local KMS in another Region: this one then has replicas of the multi-Region keys there. */
  readonly replicasOf?: string;
  /** Requests a second by kind of key; more are answered with `ThrottlingException`. No limit unless given. */
  readonly quota?: LocalKmsQuota;
  /** Milliseconds it may take to start; 30,000 unless given. */
  readonly startTimeout?: number;
}

function isCredentials(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { accessKeyId, secretAccessKey, sessionToken } = value as Partial<Record<string, unknown>>;
  return [accessKeyId, secretAccessKey, sessionToken ?? 'none'].every(
    (each) => typeof each === 'string' && each !== '',
  );
}

export const localKmsSchema = {
  dataDirectory: text({ expected: 'the path of a directory', pattern: /./, isSecret: false }),
  port: wholeNumber({ least: 0, most: 65_535, fallback: 0 }),
  credentials: anything<LocalKmsCredentials | undefined>({
    ...{ type: 'object', expected: '{ accessKeyId, secretAccessKey, sessionToken? }' },
    fits: isCredentials,
  }),
  region: anything<string>({
    ...{ type: 'string', expected: 'the name of a Region, such as us-east-1' },
    ...{ isSecret: false, fallback: defaultRegion },
    fits: (value) => typeof value === 'string' && regionPattern.test(value),
  }),
  account: anything<string>({
    ...{ type: 'string', expected: 'twelve digits', isSecret: false, fallback: defaultAccount },
    fits: (value) => typeof value === 'string' && accountPattern.test(value),
  }),
  replicasOf: text({ expected: 'the path of a directory', pattern: /./, isSecret: false }),
  quota: quotaOption,
  startTimeout: milliseconds({ least: 1, fallback: 30_000 }),
} satisfies SchemaOf<LocalKmsOptions>;

/** A local KMS running as another process. It ends with this process, however this one ends. */
export class LocalKms {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: LocalKmsCredentials;
  /** Where its keys are. */
  readonly dataDirectory: string;
  readonly #child: ChildProcess;
  readonly #controlToken: string;
  readonly #isTemporary: boolean;

  /** @internal Use `startLocalKms`. */
  constructor(
    endpoint: string,
    region: string,
    credentials: LocalKmsCredentials,
    child: ChildProcess,
    controlToken: string,
    dataDirectory: string,
    isTemporary: boolean,
  ) {
    this.endpoint = endpoint;
    this.region = region;
    this.credentials = credentials;
    this.#child = child;
    this.#controlToken = controlToken;
    this.dataDirectory = dataDirectory;
    this.#isTemporary = isTemporary;
  }

  /** For `new KMSClient(kms.clientOptions)`. */
  get clientOptions(): { endpoint: string; region: string; credentials: LocalKmsCredentials } {
    return { endpoint: this.endpoint, region: this.region, credentials: this.credentials };
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Makes it misbehave, beside whatever it was made to do before. Resolves to an id for `behave`. */
  async misbehave(misbehaviour: Misbehaviour): Promise<number> {
    checkMisbehaviour(misbehaviour);
    const answer = await this.#control({ action: 'misbehave', misbehaviour });
    const id: unknown =
      typeof answer === 'object' && answer !== null && 'id' in answer ? answer.id : undefined;
    if (typeof id !== 'number') throw new LocalKmsError('the local KMS gave no id for a misbehaviour');
    return id;
  }

  /** Ends one misbehaviour, or all of them. */
  async behave(id?: number): Promise<void> {
    await this.#control({ action: 'behave', id });
  }

  /** What it has been asked so far, by operation. */
  async counters(): Promise<CountersSnapshot> {
    return (await this.#control({ action: 'counters' })) as CountersSnapshot; // Our own program's other end.
  }

  async resetCounters(): Promise<void> {
    await this.#control({ action: 'reset-counters' });
  }

  /** Stops it in order, and removes its keys if they were temporary. */
  async close(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** For `await using`: as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Stops it as a power cut would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.ref();
      const ended = once(this.#child, 'exit');
      this.#child.kill(signal);
      await ended;
    }
    if (this.#isTemporary) await rm(this.dataDirectory, { recursive: true, force: true });
  }

  async #control(message: object): Promise<unknown> {
    const outgoing = request(`${this.endpoint}${controlPath}`, {
      method: 'POST',
      agent: false, // A connection kept for another time would be one more thing to keep the caller's process alive.
      headers: { authorization: `Bearer ${this.#controlToken}`, 'content-type': 'application/json' },
    });
    const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
      outgoing.on('error', reject).on('response', (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => (text += chunk));
        incoming.on('end', () => {
          resolve({ status: incoming.statusCode ?? 0, text });
        });
        incoming.on('error', reject);
      });
    });
    outgoing.end(JSON.stringify(message));
    const { status, text } = await answered;
    if (status !== 200)
      throw new LocalKmsError(`the local KMS refused a control message (HTTP ${status}: ${text})`);
    return JSON.parse(text);
  }
}

/** Everything of this process's environment that is not about another KMS. */
function environmentFor(credentials: LocalKmsCredentials, controlToken: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    ...Object.fromEntries(kept),
    // Not on the command line, which every user of the machine can read.
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    [controlTokenVariable]: controlToken,
  };
}

/** Starts a local KMS. Rejects with a `LocalKmsError` that has its words when it does not start. */
export async function startLocalKms(options: LocalKmsOptions = {}): Promise<LocalKms> {
  const read = readOptionsObject(localKmsSchema, options, 'an object such as { port: 8080 }');
  const { region, port, startTimeout, account, replicasOf, quota = {} } = read;
  const credentials = read.credentials ?? {
    accessKeyId: `LOCALKMS${randomBytes(6).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
  };
  const controlToken = randomBytes(24).toString('base64url');
  const isTemporary = read.dataDirectory === undefined;
  const dataDirectory = path.resolve(
    read.dataDirectory ?? (await mkdtemp(path.join(tmpdir(), 's2n-pkey-local-kms-'))),
  );

  const program = programArguments(import.meta.url, 'main');
  const args = ['--port', String(port), '--data', dataDirectory, '--region', region];
  args.push('--account', account);
  if (replicasOf !== undefined) args.push('--replicas-of', replicasOf);
  if (quotaText(quota) !== '') args.push('--quota', quotaText(quota));
  const child = spawn(process.execPath, [...program, ...args, '--parent-lifetime'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environmentFor(credentials, controlToken),
  });
  try {
    const endpoint = await listening(child, startTimeout);
    release(child);
    return new LocalKms(endpoint, region, credentials, child, controlToken, dataDirectory, isTemporary);
  } catch (error) {
    child.kill('SIGKILL');
    if (isTemporary) await rm(dataDirectory, { recursive: true, force: true });
    throw error;
  }
}

/** Resolves to the endpoint when the process says that it listens. */
function listening(child: ChildProcess, timeout: number): Promise<string> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new TypeError('the local KMS was spawned without pipes');
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => {
      reject(new LocalKmsError(`the local KMS did not start within ${timeout} ms. ${said}`));
    }, timeout);
    stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new LocalKmsError(`the local KMS cannot be started (${cause.message})`, { cause }));
    });
    // 'close', not 'exit': its last words may still be in the pipe.
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      reject(
        new LocalKmsError(
          `the local KMS ended at start (${signal ?? `exit code ${String(code)}`}): ${said.trim()}`,
        ),
      );
    });
    createInterface({ input: stdout }).on('line', (line) => {
      if (!line.startsWith(listeningPrefix)) return;
      clearTimeout(timer);
      resolve(line.slice(listeningPrefix.length));
    });
  });
}

/** Lets this process end without waiting for the child, and passes on what the child has to say from now on. */
function release(child: ChildProcess): void {
  child.unref();
  child.stderr?.removeAllListeners('data').on('data', (text: string) => process.stderr.write(text));
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    stream?.on('error', () => undefined); // The child is gone; 'exit' tells.
    if (stream instanceof Socket) stream.unref(); // Which is what pipes are.
  }
}
