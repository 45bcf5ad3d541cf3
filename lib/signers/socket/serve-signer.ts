import { createServer, type Server, type Socket } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';
import type { Signer } from '../signer.ts';
import { ServedConnection } from './served-connection.ts';
import { checkSocketPath, letsOthersIn, listenAt } from './socket-file.ts';

export interface ServeSignerOptions {
  /** Signs for everyone who connects. Not closed here. */
  readonly signer: Signer;
  /** Of the socket. A file that an earlier process has left is replaced; one that somebody listens at is not. */
  readonly path: string;
  /** Permissions of the socket's file, which say who may have it sign; `0o600` unless given: this user. */
  readonly mode?: number;
  /** Whether `mode` may let every user in. */
  readonly allowOthers?: boolean;
  /** Signatures that one connection may have under way; 256 unless given. More are refused at once. */
  readonly maxInFlight?: number;
  /** Connections at once; 256 unless given. More are ended at once. */
  readonly maxConnections?: number;
}

/** A signer that others reach through a Unix socket. */
export class SignerServer {
  /** Absolute. */
  readonly path: string;
  readonly #server: Server;
  readonly #connections: Set<ServedConnection>;
  readonly #removeFile: () => Promise<void>;
  #closed: Promise<void> | undefined;

  /** @internal See `serveSigner`. */
  constructor(
    path: string,
    server: Server,
    connections: Set<ServedConnection>,
    removeFile: () => Promise<void>,
  ) {
    this.path = path;
    this.#server = server;
    this.#connections = connections;
    this.#removeFile = removeFile;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Ends in order: nothing new is taken, what was asked for is answered, the file is removed. Resolves when every connection is
   * closed. After `grace` milliseconds (5,000 unless given) what is left is cut off.
   */
  close(grace = 5_000): Promise<void> {
    return (this.#closed ??= this.#close(grace));
  }

  /** For `await using`: as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(grace: number): Promise<void> {
    await this.#removeFile();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.end();
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, grace);
    await closed;
    clearTimeout(timer);
  }
}

/**
 * Lets other processes of this machine sign with a signer, through a Unix socket: one small process has the credentials of a KMS, and
 * many workers have none. See `SocketSigner`.
 *
 * @throws InvalidOptionError
 * @throws SocketSignerError `ERR_S2N_PKEY_SOCKET_SIGNER_IN_USE`, `_LISTEN`.
 */
export async function serveSigner(options: ServeSignerOptions): Promise<SignerServer> {
  const { signer, path, mode, maxInFlight, maxConnections } = checkOptions(options);
  const connections = new Set<ServedConnection>();
  const server = createServer((socket: Socket) => {
    const connection = new ServedConnection(socket, signer, maxInFlight);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = maxConnections;
  const removeFile = await listenAt(server, path, mode);
  return new SignerServer(path, server, connections, removeFile);
}

function checkOptions(options: ServeSignerOptions): Required<ServeSignerOptions> {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError('options', 'an object such as { signer, path }', options);
  }
  const { signer, mode = 0o600, allowOthers = false, maxInFlight = 256, maxConnections = 256 } = options;
  if (typeof signer?.sign !== 'function' || !Array.isArray(signer.schemes)) {
    throw new InvalidOptionError('signer', 'a Signer, such as await KmsSigner.open({ keyId })', signer);
  }
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
  return { signer, path, mode, allowOthers, maxInFlight, maxConnections };
}
