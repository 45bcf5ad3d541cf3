/** Options of the TCP connection, read from the kernel: a TlsSocket itself is one end of a socketpair. */
import { once } from 'node:events';
import { connect as connectTcp, Socket, type Server } from 'node:net';
import { connect as nodeConnect, createServer as createNodeServer, type ConnectionOptions } from 'node:tls';
import { inspect, isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { connect, createServer, LocalKeySigner, type ConnectOptions } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { needs } from '../fixtures/needs.ts';
import { connectTls, listen } from '../fixtures/peers.ts';
import { tcpOptionsTo, type TcpOptions } from '../fixtures/tcp-options.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });
const quiet = (socket: Socket): void => void socket.on('error', () => undefined).resume();

type Calls = readonly Parameters<Socket['setKeepAlive']>[];

/** Calls of setKeepAlive in their order, and whether the kernel keeps the connection alive after them. */
const sequences: readonly (readonly [string, Calls, 0 | 1])[] = [
  ['no call', [], 0],
  ['on', [[true]], 1],
  ['on, with a delay', [[true, 900_000]], 1],
  ['on, with a delay of a fraction', [[true, 2_900]], 1],
  ['on, with one delay and then another', [[true, 900_000], [true, 60_000]], 1], // prettier-ignore
  ['on, then off', [[true, 900_000], [false]], 0],
  ['on, then a call without arguments', [[true, 900_000], []], 0],
];

describe('setKeepAlive() of a socket', () => {
  const kept = keptServers();
  needs('python3');

  const servers = {
    node: (): Server => kept(createNodeServer({ key, cert }, quiet)),
    own: (): Server => kept(createServer({ cert, signer }, quiet)),
  };
  const to = { host: '127.0.0.1', servername: 'localhost', ca: cert };
  const clients = {
    node: (options: ConnectionOptions): Socket => nodeConnect({ ...to, ...options }),
    own: (options: ConnectOptions): Socket => connect({ ...to, ...options }),
  };
  type Side = keyof typeof clients;

  const call = (socket: Socket, calls: Calls): void => {
    for (const each of calls) expect(socket.setKeepAlive(...each)).to.equal(socket);
  };

  /** How a connection comes to be whose socket makes the calls. Resolves to the port of its peer, and to the client. */
  const forms: Record<string, (side: Side, calls: Calls) => Promise<[number | undefined, Socket]>> = {
    "a server's": async (side, calls) => {
      const server = servers[side]();
      const port = await listen(server);
      const accepted = once(server, 'secureConnection') as Promise<[Socket]>;
      const client = await connectTls(port);
      const [socket] = await accepted;
      call(socket, calls);
      return [client.localPort, client];
    },
    "a client's, before it is connected": async (side, calls) => {
      const port = await listen(servers.node());
      const client = clients[side]({ port });
      call(client, calls);
      await once(client, 'secureConnect');
      return [port, client];
    },
    "a client's, once it is secure": async (side, calls) => {
      const port = await listen(servers.node());
      const client = clients[side]({ port });
      await once(client, 'secureConnect');
      call(client, calls);
      return [port, client];
    },
    "a client's over a socket": async (side, calls) => {
      const port = await listen(servers.node());
      const client = clients[side]({ socket: connectTcp(port, '127.0.0.1') });
      await once(client, 'secureConnect');
      call(client, calls);
      return [port, client];
    },
  };

  /** Without TCP_NODELAY, which is on by default with this package only. */
  async function keepAliveTo(port: number | undefined): Promise<Partial<TcpOptions>> {
    const { keepAlive, secondsUntilProbes, secondsBetweenProbes, probes } = await tcpOptionsTo(port);
    return { keepAlive, secondsUntilProbes, secondsBetweenProbes, probes };
  }

  async function ended(client: Socket): Promise<void> {
    client.resume().end();
    await once(client, 'close');
  }

  for (const [form, make] of Object.entries(forms)) {
    for (const [name, calls, on] of sequences) {
      it(`has the effect that it has with node:tls (${form}: ${name})`, async () => {
        const [nodePort, nodeClient] = await make('node', calls);
        const expected = await keepAliveTo(nodePort);
        expect(expected).to.include({ keepAlive: on });
        await ended(nodeClient);
        const [port, client] = await make('own', calls);
        try {
          // The engine sets options on a thread of its own.
          const same = (seen: object): boolean => isDeepStrictEqual(seen, expected);
          await when(`options like ${inspect(expected)}`, () => keepAliveTo(port), same, 8_000);
        } finally {
          await ended(client);
        }
      });
    }
  }

  const supportsTypeOfService = 'setTypeOfService' in Socket.prototype;
  const options: readonly (readonly [string, object, Partial<TcpOptions>])[] = [
    ['keepAlive', { keepAlive: true }, { keepAlive: 1 }],
    [
      'keepAlive and keepAliveInitialDelay',
      { keepAlive: true, keepAliveInitialDelay: 900_000 },
      { keepAlive: 1, secondsUntilProbes: 900 },
    ],
    ['keepAlive: false', { keepAlive: false, keepAliveInitialDelay: 900_000 }, { keepAlive: 0 }],
    ['typeOfService', { typeOfService: 0x10 }, { typeOfService: supportsTypeOfService ? 0x10 : 0 }],
  ];
  describe('and options of connect', () => {
    for (const [name, given, effect] of options) {
      it(`have the effect that they have with net.connect (${name})`, async () => {
        const port = await listen(servers.node());
        const plain = connectTcp({ port, host: '127.0.0.1', noDelay: true, ...given });
        await once(plain, 'connect');
        const expected = await tcpOptionsTo(port);
        expect(expected).to.include(effect);
        plain.destroy();
        await once(plain, 'close');
        const client = clients.own({ port, ...given });
        await once(client, 'secureConnect');
        const seen = await tcpOptionsTo(port);
        await ended(client);
        expect(seen).to.deep.equal(expected);
      });
    }
  });
});
