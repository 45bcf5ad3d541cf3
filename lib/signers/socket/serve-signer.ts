import { createServer, type Server, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { InvalidOptionError } from '../../errors.ts';
import { listenOn } from './inherited-socket.ts';
import { isAllowed, peerOf } from './peer.ts';
import {
  checkServeOptions,
  checkServing,
  type ServedOptions,
  type ServeSignerOptions,
} from './serve-signer-options.ts';
import { refuse, ServedConnection } from './served-connection.ts';
import { Serving } from './serving.ts';
import { SignatureReports } from './signature-reports.ts';
import { listenAt } from './socket-file.ts';

/** A signer that others reach through a Unix socket. */
export class SignerServer {
  /** Of the socket; absolute, unless `fd` was given. */
  readonly path: string;
  readonly #server: Server;
  readonly #connections: Set<ServedConnection>;
  readonly #serving: Serving;
  readonly #removeFile: () => Promise<void>;
  #closed: Promise<void> | undefined;

  /** @internal See `serveSigner`. */
  constructor(
    path: string,
    server: Server,
    connections: Set<ServedConnection>,
    serving: Serving,
    removeFile: () => Promise<void>,
  ) {
    this.path = path;
    this.#server = server;
    this.#connections = connections;
    this.#serving = serving;
    this.#removeFile = removeFile;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Serves these options from now on, in place of the former ones. Clients stay connected, except those that `allow` keeps out now,
   * whose connections end in order. Signatures under way end with the former signer; the promise resolves when it is not used any
   * more and you can close it.
   *
   * @throws InvalidOptionError; what was served before stays. `signer` must have the same key, which clients rely on.
   */
  async reload(options: ServedOptions): Promise<void> {
    const checked = checkServing(options);
    const former = this.#serving.now;
    if (!checked.signer.publicKey.equals(former.signer.publicKey)) {
      throw new InvalidOptionError(
        'signer',
        'a signer with the same key as before: start another process, with a socket of its own, for another key',
        checked.signer,
      );
    }
    const same = isDeepStrictEqual(checked.turns?.limits, former.turns?.limits);
    // The same limits go on with what is used of them.
    const unused = this.#serving.replace(same ? { ...checked, turns: former.turns } : checked);
    this.#server.maxConnections = checked.maxConnections;
    for (const connection of this.#connections) {
      if (!isAllowed(connection.peer, checked.allow)) connection.end();
    }
    await unused;
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
  const { serving: checked, place, onSignature, onRefused } = checkServeOptions(options);
  const { path, mode, fd } = place;
  const serving = new Serving(checked);
  const reports = onSignature && new SignatureReports(onSignature);
  const connections = new Set<ServedConnection>();
  let count = 0;
  const server = createServer((socket: Socket) => {
    const peer = peerOf(socket);
    if (!isAllowed(peer, serving.now.allow)) {
      refuse(socket, peer ? `user ${peer.uid}, group ${peer.gid} may not sign here` : 'the peer is unknown');
      onRefused?.(peer);
      return;
    }
    const connection = new ServedConnection(socket, ++count, peer, serving, reports);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = checked.maxConnections;
  server.once('close', () => reports?.close());
  let removeFile = (): Promise<void> => Promise.resolve();
  if (fd === undefined) removeFile = await listenAt(server, path, mode);
  else await listenOn(server, fd, path);
  return new SignerServer(path, server, connections, serving, removeFile);
}
