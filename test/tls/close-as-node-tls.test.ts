import { once } from 'node:events';
import type { Server } from 'node:net';
import { createServer as createNodeServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createServer, LocalKeySigner, type TlsSocket } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { Wire } from '../fixtures/wire.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });
const megabyte = Buffer.alloc(1_000_000, 'pattern ');

type ServerSocket = TLSSocket | TlsSocket;

interface ServerOptions {
  allowHalfOpen?: boolean;
}

const servers: Record<string, (options: ServerOptions) => Server> = {
  'node:tls': (options) => createNodeServer({ key, cert, ...options }),
  's2n-pkey': (options) => createServer({ cert, signer, ...options }),
};

/** What one side of a connection saw of its end. */
class Witness {
  readonly saw: string[] = [];
  readonly closed: Promise<unknown>;
  bytes = 0;

  constructor(socket: ServerSocket) {
    for (const event of ['end', 'finish', 'timeout']) socket.on(event, () => this.saw.push(event));
    socket.on('error', (error: NodeJS.ErrnoException) => this.saw.push(`error ${String(error.code)}`));
    this.closed = new Promise<void>((resolve) => {
      socket.on('close', (hadError: boolean) => {
        const { errored } = socket as { errored: NodeJS.ErrnoException | null };
        this.saw.push(
          `close ${hadError ? 'after an error' : 'in order'} (errored: ${String(errored?.code)})`,
        );
        resolve();
      });
    });
    socket.on('data', (chunk: Buffer) => (this.bytes += chunk.length));
  }
}

interface Connection {
  readonly wire: Wire;
  readonly client: TLSSocket;
  readonly socket: ServerSocket;
  /** Notes what only this scenario knows of. */
  readonly note: (what: string) => void;
}

interface Scenario {
  readonly options?: ServerOptions;
  /** Resolves when nothing is left to do but to wait for `'close'`. */
  act(connection: Connection): void | Promise<void>;
  /** Whether the client is ended by it, too. */
  readonly clientEnds?: boolean;
  /** Whether `'end'` or `'finish'` comes first is a matter of luck. */
  readonly anyOrder?: boolean;
}

const scenarios: Record<string, Scenario> = {
  'the peer ends': {
    clientEnds: true,
    act: ({ client }) => void client.end('bye'),
  },
  'the peer sends FIN without close_notify': {
    clientEnds: true,
    async act({ wire, client, socket }) {
      client.write('bye');
      await once(socket, 'data');
      wire.fin();
    },
  },
  'the peer sends FIN without close_notify, and is answered': {
    options: { allowHalfOpen: true },
    clientEnds: true,
    async act({ wire, client, socket }) {
      client.write('bye');
      await once(socket, 'data');
      wire.fin();
      await once(socket, 'end');
      socket.end('an answer');
    },
  },
  'the server ends after a megabyte, then the peer': {
    clientEnds: true,
    async act({ client, socket }) {
      socket.end(megabyte);
      await once(client, 'end');
      client.end();
    },
  },
  'both end at once': {
    clientEnds: true,
    anyOrder: true,
    act({ client, socket }) {
      socket.end(megabyte);
      client.end(megabyte);
    },
  },
  'the peer ends, and receives a megabyte after that': {
    options: { allowHalfOpen: true },
    clientEnds: true,
    async act({ client, socket }) {
      client.end('question');
      await once(socket, 'end');
      socket.end(megabyte);
    },
  },
  'the server ends, and receives a megabyte after that': {
    clientEnds: true,
    async act({ client, socket }) {
      socket.end('greeting');
      await once(client, 'end');
      client.end(megabyte);
    },
  },
  'the peer resets': {
    async act({ wire, client, socket }) {
      client.write('x');
      await once(socket, 'data');
      await wire.reset();
    },
  },
  'the peer resets while it is sent more than it takes': {
    async act({ wire, socket }) {
      wire.takeNothing();
      socket.write(Buffer.alloc(30_000_000));
      await wire.reset();
    },
  },
  'the peer resets after the server has ended': {
    async act({ wire, client, socket }) {
      socket.end('greeting');
      await once(client, 'end');
      await wire.reset();
    },
  },
  'the peer ends and then resets, and is written to': {
    options: { allowHalfOpen: true },
    async act({ wire, client, socket, note }) {
      client.end();
      await once(socket, 'end');
      wire.takeNothing();
      await wire.reset();
      // Until the reset has come, the kernel takes what is written.
      const write = (): void => {
        socket.write('x', (error?: Error | null) => {
          if (error) note(`write ${String((error as NodeJS.ErrnoException).code)}`);
          else if (!socket.destroyed) setImmediate(write);
        });
      };
      write();
    },
  },
  'write() after end()': {
    act({ socket, note }) {
      socket.end('x');
      socket.write('y', (error?: Error | null) => {
        note(`write ${String((error as NodeJS.ErrnoException).code)}`);
      });
    },
  },
  'write() after destroy()': {
    act({ socket, note }) {
      socket.destroy();
      socket.write('y', (error?: Error | null) => {
        note(`write ${String((error as NodeJS.ErrnoException).code)}`);
      });
    },
  },
  'destroy(error)': {
    act: ({ socket }) => void socket.destroy(Object.assign(new Error('on purpose'), { code: 'MINE' })),
  },
  'destroySoon() after a megabyte': {
    clientEnds: true,
    act({ client, socket }) {
      socket.write(megabyte);
      socket.destroySoon();
      client.once('end', () => client.end());
    },
  },
  'setTimeout, and end() when it is over': {
    clientEnds: true,
    act({ client, socket }) {
      socket.setTimeout(20, () => {
        socket.setTimeout(0);
        socket.end('too slow');
      });
      client.once('end', () => client.end());
    },
  },
};

async function play(kind: string, scenario: Scenario, version: 'TLSv1.2' | 'TLSv1.3'): Promise<unknown> {
  const server = servers[kind]?.(scenario.options ?? {});
  if (!server) throw new Error(`no server ${kind}`);
  const port = await listen(server);
  const secure = once(server, 'secureConnection') as Promise<[ServerSocket]>;
  const wire = await Wire.to(port, version);
  try {
    const [socket] = await secure;
    const atServer = new Witness(socket);
    const atClient = new Witness(wire.client);
    const notes: string[] = [];
    await scenario.act({ wire, client: wire.client, socket, note: (what) => notes.push(what) });
    await atServer.closed;
    if (scenario.clientEnds && !wire.client.readableEnded) await once(wire.client, 'end');
    return {
      server: scenario.anyOrder ? atServer.saw.sort() : atServer.saw,
      serverReceived: atServer.bytes,
      ...(scenario.clientEnds
        ? {
            client: atClient.saw.filter((event) => event === 'end' || event.startsWith('error')),
            clientReceived: atClient.bytes,
          }
        : {}),
      notes,
    };
  } finally {
    wire.close();
    await close(server);
  }
}

describe('A connection ends as with node:tls', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [name, scenario] of Object.entries(scenarios)) {
      it(`${name} (${version})`, async () => {
        const expected = await play('node:tls', scenario, version);
        const actual = await play('s2n-pkey', scenario, version);
        expect(actual).to.deep.equal(expected);
      });
    }
  }
});
