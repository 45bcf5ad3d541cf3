import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ArnScope } from './store/arn.ts';
import { Control, controlPath } from './control.ts';
import { Counters } from './counters.ts';
import { KmsException, serializationException } from './store/errors.ts';
import { KeyStore } from './store/key-store.ts';
import { ImportTokens } from './store/import-tokens.ts';
import { LocalKmsError, systemErrorCode } from './store/local-kms-error.ts';
import { Misbehaviours, type DrawnFault } from './misbehaviour.ts';
import { Quotas, type LocalKmsQuota } from './quotas.ts';
import { replicateKeys } from './replicas.ts';
import { operationOfTarget } from './operations/index.ts';
import { findKey, type Answer, type Kms, type Operation } from './operations/operation.ts';
import { SignatureVerifier, type LocalKmsCredentials } from './request/sigv4.ts';
import { OtherKeys, withOtherMessage } from './wrong-answer.ts';

export interface LocalKmsServerOptions {
  /** Where keys and aliases are kept; made where it does not exist. */
  readonly dataDirectory: string;
  /** A loopback address. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly credentials: LocalKmsCredentials;
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
  /** The data directory of another local KMS, whose multi-Region keys this one has replicas of. */
  readonly replicasOf?: string | undefined;
  /** Requests a second by kind of key; none for kinds that it leaves out. */
  readonly quota?: LocalKmsQuota | undefined;
  /** What the control endpoint wants. */
  readonly controlToken: string;
}

// Requests of KMS are a few kilobytes; a key policy is at most 32.
const longestBody = 1024 * 1024;
/** The operations that a quota of keys is for. */
const cryptographic: ReadonlySet<string> = new Set(['Sign', 'Verify', 'GenerateMac', 'VerifyMac']);
const contentType = 'application/x-amz-json-1.1';

/** How much of a broken answer is sent before the connection ends. */
const brokenAnswerBytes = 10;

/** The HTTP server that speaks the AWS KMS JSON protocol (`POST /`, `X-Amz-Target: TrentService.…`). */
export class LocalKmsServer {
  readonly #server: Server;
  readonly #kms: Kms;
  readonly #verifier: SignatureVerifier;
  readonly #control: Control;
  readonly #counters = new Counters();
  readonly #misbehaviours = new Misbehaviours();
  readonly #otherKeys = new OtherKeys();
  readonly #quotas: Quotas;

  private constructor(options: LocalKmsServerOptions, store: KeyStore) {
    const arns = new ArnScope(options.region, options.account);
    const importTokens = new ImportTokens(Date.now);
    this.#kms = { store, key: (keyId) => store.key(keyId), arns, importTokens, now: Date.now };
    this.#quotas = new Quotas(options.quota ?? {});
    this.#verifier = new SignatureVerifier(options.credentials, options.region);
    this.#control = new Control(options.controlToken, this.#misbehaviours, this.#counters);
    this.#server = createServer({ noDelay: true }, (request, response) => {
      this.#receive(request, response);
    });
    // A client that takes a kept connection as the server drops it sees a reset: leave dropping them to the clients.
    this.#server.keepAliveTimeout = 0;
  }

  /** Opens the store and listens. Throws `LocalKmsError`. */
  static async start(options: LocalKmsServerOptions): Promise<LocalKmsServer> {
    const store = await KeyStore.open(options.dataDirectory);
    const server = new LocalKmsServer(options, store);
    try {
      if (options.replicasOf !== undefined) await replicateKeys(options.replicasOf, store);
      await server.#listen(options.host, options.port);
    } catch (error) {
      await store.close();
      throw error;
    }
    return server;
  }

  /** `http://127.0.0.1:PORT`. */
  get endpoint(): string {
    const { address, family, port } = this.#server.address() as AddressInfo; // Never a path: it listens on a port.
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Ends all connections, waits for changes to be on disk, and lets the data directory go. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#kms.store.close();
  }

  async #listen(host: string, port: number): Promise<void> {
    this.#server.listen(port, host);
    try {
      await once(this.#server, 'listening');
    } catch (cause) {
      const code = systemErrorCode(cause);
      if (code === 'EADDRINUSE') {
        throw new LocalKmsError(
          `port ${port} of ${host} is in use; choose another with --port, or 0 for a free one`,
          {
            cause,
          },
        );
      }
      if (code === 'EACCES') {
        throw new LocalKmsError(
          `listening on port ${port} is not permitted; choose one above 1023 with --port`,
          {
            cause,
          },
        );
      }
      throw new LocalKmsError(`it cannot listen on port ${port} of ${host} (${String(cause)})`, { cause });
    }
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= longestBody) chunks.push(chunk);
    });
    request.on('end', () => {
      if (length > longestBody) {
        response.writeHead(413, { connection: 'close' }).end();
        return;
      }
      const [first = Buffer.alloc(0)] = chunks;
      const body = chunks.length > 1 ? Buffer.concat(chunks) : first;
      const stranger = refusalOf(request);
      if (stranger !== undefined) {
        response.writeHead(403, { 'content-type': 'text/plain', connection: 'close' }).end(stranger);
        return;
      }
      if (request.url === controlPath) {
        const { status, body: answer } = this.#control.answer(
          request.method,
          request.headers.authorization,
          body,
        );
        response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
        return;
      }
      const exchange = new Exchange(request, response, this.#counters);
      exchange.run(() => this.#perform(request, body, exchange));
    });
  }

  /** What is answered to a request. Throws, or rejects with, a `KmsException`. */
  #perform(request: IncomingMessage, body: Buffer, exchange: Exchange): Outcome | Promise<Outcome> {
    const { method = '', url = '', headers } = request;
    if (method !== 'POST' || (url !== '/' && !url.startsWith('/?'))) {
      throw new KmsException('UnknownOperationException', '', 404);
    }
    const operation = operationOfTarget(targetOf(request));
    const fault = this.#misbehaviours.draw(operation.name);
    const now = this.#kms.now() + (fault?.skew ?? 0);
    if (fault !== undefined && fault.skew > 0) exchange.date = new Date(now).toUTCString();
    this.#verifier.verify({ method, url, headers, body }, now);
    const parsed = parseJson(body);
    this.#countRequest(operation, parsed);
    if (fault !== undefined) return this.#performBadly(fault, operation, parsed);
    const answer = operation.run(parsed, this.#kms);
    return answer instanceof Promise ? answer.then(whole) : whole(answer);
  }

  async #performBadly({ wait, kind }: DrawnFault, operation: Operation, request: unknown): Promise<Outcome> {
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    switch (kind) {
      case 'throttle':
        throw new KmsException('ThrottlingException', 'Rate exceeded');
      case 'internal-error':
        throw new KmsException('KMSInternalException', 'The local KMS was told to fail.', 500);
      case 'disabled-key':
        throw new KmsException('DisabledException', `${this.#arnNamedBy(operation, request)} is disabled.`);
      case 'expired-credentials':
        throw new KmsException(
          'ExpiredTokenException',
          'The security token included in the request is expired',
        );
      case 'wrong-signature':
        return whole(await operation.run(withOtherMessage(request), this.#kms));
      case 'wrong-key':
        return whole(await this.#otherKeys.run(operation, request, this.#kms));
      case 'hang':
      case 'reset':
      case 'truncate':
      case 'wrong-body':
        return { answer: await operation.run(request, this.#kms), delivery: kind };
      case undefined:
        return whole(await operation.run(request, this.#kms));
    }
  }

  /** Throws a `KmsException` when the quota is reached for the key that the request names. */
  #countRequest({ name }: Operation, request: unknown): void {
    if (this.#quotas.isEmpty || !cryptographic.has(name)) return;
    if (typeof request !== 'object' || request === null || !('KeyId' in request)) return;
    const { KeyId: keyId } = request;
    if (typeof keyId === 'string') this.#quotas.count(findKey(this.#kms, keyId, name, true).facts.kind);
  }

  /** The ARN of the key that a request names; empty where it names none. */
  #arnNamedBy(operation: Operation, request: unknown): string {
    if (typeof request !== 'object' || request === null || !('KeyId' in request)) return '';
    if (typeof request.KeyId !== 'string') return '';
    return this.#kms.arns.keyArn(findKey(this.#kms, request.KeyId, operation.name, true).record.keyId);
  }
}

/**
 * Why a request is not from a program of this machine: a web page whose name was made to lead here (DNS rebinding) is shown by the host
 * that it asks for, any other page by its origin.
 */
function refusalOf({ headers }: IncomingMessage): string | undefined {
  if (headers.origin !== undefined) return 'The local KMS answers no web pages: the request has an Origin.\n';
  if (isLoopback(headers.host)) return undefined;
  return 'The local KMS answers to loopback names only: ask for localhost, 127.0.0.1 or [::1].\n';
}

function isLoopback(host: string | undefined): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(:\d+)?$/i.exec(host ?? '')?.[1]?.toLowerCase();
  return (
    name !== undefined &&
    (/^(.+\.)?localhost\.?$/.test(name) || /^127(\.\d{1,3}){3}$/.test(name) || name === '[::1]')
  );
}

type Delivery = 'whole' | 'hang' | 'reset' | 'truncate' | 'wrong-body';

/** What an operation answers, and how much of it the client is to get. */
interface Outcome {
  readonly answer: Answer;
  readonly delivery: Delivery;
}

function whole(answer: Answer): Outcome {
  return { answer, delivery: 'whole' };
}

function targetOf(request: IncomingMessage): string | undefined {
  const target = request.headers['x-amz-target'];
  return Array.isArray(target) ? target[0] : target;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw serializationException('The request is not JSON');
  }
}

/** One request and its answer. */
class Exchange {
  /** The header Date, if it is not to be the time. */
  date: string | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #done: (outcome: string) => void;

  constructor(request: IncomingMessage, response: ServerResponse, counters: Counters) {
    this.#request = request;
    this.#response = response;
    this.#done = counters.begin(operationNameOf(request));
  }

  /** Answers with what `perform` returns, resolves to or throws. */
  run(perform: () => Outcome | Promise<Outcome>): void {
    try {
      const outcome = perform();
      if (outcome instanceof Promise) {
        outcome.then(
          (late) => {
            this.#deliver(late);
          },
          (error: unknown) => {
            this.#fail(error);
          },
        );
      } else {
        this.#deliver(outcome);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #deliver({ answer, delivery }: Outcome): void {
    const body = answer === undefined ? '' : JSON.stringify(answer);
    if (delivery === 'whole') {
      this.#send(200, body);
      this.#done('ok');
      return;
    }
    const { socket } = this.#request;
    if (delivery === 'wrong-body') {
      this.#send(200, `<html>${body}`);
      this.#done(delivery);
      return;
    }
    if (delivery === 'hang') {
      if (this.#response.closed) this.#done('hang');
      else
        this.#response.once('close', () => {
          this.#done('hang');
        });
      return;
    }
    // More is announced than there is, so that even an empty answer is a broken one.
    const announced = body.length + brokenAnswerBytes;
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ncontent-length: ${announced}\r\n\r\n`;
    // Past `http`, which would mend it. The reset waits until what was written is on its way.
    socket.write(head + body.slice(0, brokenAnswerBytes), () => {
      if (delivery === 'reset') socket.resetAndDestroy();
      else socket.destroySoon();
      this.#done(delivery);
    });
  }

  #fail(error: unknown): void {
    if (error instanceof KmsException) {
      this.#send(error.status, error.toBody());
      this.#done(error.type);
      return;
    }
    // A fault of this program, or of the disk: said to whoever runs it, and to the client as the real service would.
    process.stderr.write(
      `local KMS: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    this.#send(500, new KmsException('KMSInternalException', String(error)).toBody());
    this.#done('KMSInternalException');
  }

  #send(status: number, body: string): void {
    this.#response.writeHead(status, [
      ...(this.date === undefined ? [] : ['date', this.date]),
      'x-amzn-RequestId',
      randomUUID(),
      'content-type',
      contentType,
      'content-length',
      String(Buffer.byteLength(body)),
    ]);
    this.#response.end(body);
  }
}

/** What a request is counted under. */
function operationNameOf(request: IncomingMessage): string {
  try {
    return operationOfTarget(targetOf(request)).name;
  } catch {
    return 'unknown';
  }
}
