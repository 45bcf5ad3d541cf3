import { createServer, type Server, type Socket } from 'node:net';
import { checkServeOptions, type ServeSignerOptions } from './serve-signer-options.ts';
import { ServedConnection } from './served-connection.ts';
import { SignatureReports } from './signature-reports.ts';
import { listenAt } from './socket-file.ts';

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
  const checked = checkServeOptions(options);
  const { path, mode, onSignature } = checked;
  const reports = onSignature && new SignatureReports(onSignature);
  const connections = new Set<ServedConnection>();
  let count = 0;
  const server = createServer((socket: Socket) => {
    const connection = new ServedConnection(socket, ++count, checked, reports);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = checked.maxConnections;
  server.once('close', () => reports?.close());
  const removeFile = await listenAt(server, path, mode);
  return new SignerServer(path, server, connections, removeFile);
}
