import { once } from 'node:events';
import { connect as connectTcp, type Server, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';
import { meaning, scenario, type Observation } from './scenario.ts';
import type { CommonOptions, Implementation, SecureSocket } from './servers.ts';

/** A handshake that fails by what `attack` does with a TCP connection: what the server says of it. */
async function failure(
  implementation: Implementation,
  attack: (tcp: Socket) => void,
  options: CommonOptions = {},
): Promise<Observation> {
  let secured = 0;
  const server = implementation.createServer(options, () => secured++);
  const failures: string[] = [];
  const sockets: Observation[] = [];
  server.on('tlsClientError', (error: Error, socket: SecureSocket) => {
    failures.push(meaning(error));
    sockets.push({ destroyed: socket.destroyed, writable: socket.writable });
    socket.destroy(); // node:tls leaves that to the listener at handshakeTimeout
  });
  const failed = once(server, 'tlsClientError');
  const tcp = connectTcp({ port: await listen(server), host: '127.0.0.1', allowHalfOpen: true });
  const gone = new Promise((resolve) => tcp.on('close', resolve));
  tcp.on('error', () => undefined);
  tcp.on('end', () => tcp.end());
  tcp.resume();
  attack(tcp);
  await failed;
  const stillServed = await greeting(server);
  await gone;
  await close(server);
  return { failures, sockets, secured, stillServed };
}

/** Whether a good client is served all the same. */
async function greeting(server: Server): Promise<string> {
  server.once('secureConnection', (socket: SecureSocket) => socket.end('hello'));
  const { port } = server.address() as { port: number };
  return (await readAll(await connectTls(port))).toString();
}

describe('The same as node:tls, when a handshake fails', () => {
  scenario('bytes that are no TLS', (implementation) =>
    failure(implementation, (tcp) => tcp.write('\0\0\0 this is no TLS at all')),
  );

  scenario('a client that hangs up at once', (implementation) => failure(implementation, (tcp) => tcp.end()));

  scenario('a client that resets at once', (implementation) =>
    failure(implementation, (tcp) => tcp.once('connect', () => tcp.resetAndDestroy())),
  );

  scenario('a client that hangs up in the middle of its hello', (implementation) =>
    failure(implementation, (tcp) => tcp.end(Buffer.from('1603010200010001fc0303', 'hex'))),
  );

  scenario(
    'a client that says nothing until handshakeTimeout',
    (implementation) => failure(implementation, () => undefined, { handshakeTimeout: 50 }),
    {
      sockets: {
        nodeTls: [{ destroyed: false, writable: true }],
        s2nPkey: [{ destroyed: true, writable: false }],
        why: 'handshake-timeout-destroys',
      },
    },
  );

  scenario('a client that does not trust the certificate', (implementation) =>
    failure(implementation, (tcp) => {
      connect({ socket: tcp, servername: 'localhost', ca: [], rejectUnauthorized: true }).on(
        'error',
        () => undefined,
      );
    }),
  );

  scenario('maxConnections drops, and says so', async (implementation) => {
    const server = implementation.createServer({}, (socket) => socket.resume());
    server.maxConnections = 1;
    const port = await listen(server);
    const secure = once(server, 'secureConnection');
    const first = await connectTls(port);
    await secure;
    const dropped = once(server, 'drop') as Promise<[object | undefined]>;
    const second = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    const [data] = await dropped;
    second.destroy();
    const count = await new Promise((resolve) => {
      server.getConnections((_error, connections) => {
        resolve(connections);
      });
    });
    first.end();
    await close(server);
    return { told: Object.keys(data ?? {}).sort(), count };
  });
});
