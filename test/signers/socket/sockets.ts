import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PrivateKeyOperation, Signer, SignOptions } from '../../../lib/signers/signer.ts';
import { encodeFrame, frameType } from '../../../lib/signers/socket/framing.ts';
import {
  serveSigner,
  SocketSigner,
  type ServeSignerOptions,
  type SignerServer,
  type SocketSignerOptions,
} from '../../../lib/signers/socket/socket-signer.ts';
import { localSigner } from '../../certificate/signers.ts';
import { when } from '../../fixtures/when.ts';

export const message = Buffer.from('what a handshake hashes');
export const asked: PrivateKeyOperation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update(message).digest(),
  inputKind: 'digest',
};

/** A signer whose answers the test gives; `begun` tells how many are under way. */
export class HeldSigner implements Signer {
  readonly publicKey;
  readonly schemes;
  readonly held: { readonly signal: AbortSignal | undefined; readonly answer: () => void }[] = [];
  readonly #inner = localSigner('P-256');

  constructor() {
    this.publicKey = this.#inner.publicKey;
    this.schemes = this.#inner.schemes;
  }

  sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.held.push({ signal, answer: () => resolve(this.#inner.sign(operation)) });
    });
  }

  async begun(count: number): Promise<void> {
    await when(
      `${count} signatures under way`,
      () => this.held.length,
      (held) => held >= count,
    );
  }
}

/** What a server says first, with changes. */
export function hello(more: object = {}): Buffer {
  const { publicKey, schemes } = localSigner('P-256');
  const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const facts = { version: 1, publicKey: spki, schemes, inFlight: 10, ...more };
  return encodeFrame(frameType.hello, 0, JSON.stringify(facts));
}

/** What a test opens in a folder of its own, all of which is closed after it. */
export interface Sockets {
  readonly folder: string;
  readonly path: string;
  serve(options?: Partial<ServeSignerOptions>): Promise<SignerServer>;
  open(options?: Partial<SocketSignerOptions>): Promise<SocketSigner>;
  /** Something else that listens at the path. */
  fake(act: (socket: Socket, count: number) => void): Promise<void>;
}

/** For the tests of the `describe` that it is called in. */
export function sockets(): Sockets {
  let folder = '';
  const servers: SignerServer[] = [];
  const clients: SocketSigner[] = [];
  const fakes: Server[] = [];
  const path = (): string => join(folder, 'signer.sock');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 's2n-socket-'));
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.close(0)));
    for (const fake of fakes.splice(0)) fake.close();
    await rm(folder, { recursive: true });
  });

  return {
    get folder() {
      return folder;
    },
    get path() {
      return path();
    },
    async serve(options = {}) {
      const server = await serveSigner({ signer: localSigner('P-256'), path: path(), ...options });
      servers.push(server);
      return server;
    },
    async open(options = {}) {
      const client = await SocketSigner.open({ path: path(), timeout: 20_000, ...options });
      clients.push(client);
      return client;
    },
    async fake(act) {
      let count = 0;
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        act(socket, ++count);
      }).listen(path());
      fakes.push(server);
      await once(server, 'listening');
      await chmod(path(), 0o600);
    },
  };
}
