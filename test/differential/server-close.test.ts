import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectTcp, type Server, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { EventLog, meaning, scenario } from './scenario.ts';
import type { Implementation, SecureSocket } from './servers.ts';
import { when } from '../fixtures/when.ts';

/** Resolves when the server has accepted so many connections that have not ended. */
async function holds(server: Server, connections: number): Promise<void> {
  await when(
    `${connections} connections`,
    promisify(server.getConnections.bind(server)),
    (held) => held === connections,
  );
}

/** What becomes of somebody who connects now. */
async function refused(port: number): Promise<unknown> {
  const late = connectTcp(port, '127.0.0.1');
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
  return error.code;
}

async function openTcp(server: Server, port: number): Promise<Socket> {
  const tcp = connectTcp(port, '127.0.0.1');
  tcp.on('error', () => undefined);
  await once(tcp, 'connect');
  await holds(server, 1);
  return tcp;
}

/**
 * Carries a client's bytes to the server: of its first ones so many, the rest when it is let go.
 */
async function holdBack(tcp: Socket, sent: number): Promise<{ client: TLSSocket; letGo: () => void }> {
  const [end, ours] = memoryConnection();
  const client = connect({ socket: end, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const [hello] = (await once(ours, 'data')) as [Buffer];
  ours.pause();
  tcp.write(hello.subarray(0, sent));
  tcp.pipe(ours);
  const letGo = (): void => {
    tcp.write(hello.subarray(sent));
    ours.pipe(tcp);
  };
  return { client, letGo };
}

/** Closes a server. Resolves, in time, when it and the socket that it had last are closed. */
function beginClose(server: Server, socket?: SecureSocket): Promise<unknown> {
  server.close();
  return Promise.all([once(server, 'close'), socket && once(socket, 'close')]);
}

async function tlsServer(
  implementation: Implementation,
  allowHalfOpen = false,
): Promise<{ server: Server; port: number; log: EventLog }> {
  const server = implementation.createServer({ allowHalfOpen }, (socket) => {
    socket.on('data', (data) => socket.write(data));
  });
  const log = new EventLog();
  log.watch(server, 'server', ['close', 'secureConnection']);
  server.on('secureConnection', (socket: SecureSocket) =>
    log.watch(socket, 'socket', ['data', 'end', 'close', 'error']),
  );
  return { server, port: await listen(server), log };
}

describe('server.close(), the same as with node:tls, with a connection that is', () => {
  scenario('idle: it goes on until it ends, and nobody new gets in', async (implementation) => {
    const { server, port, log } = await tlsServer(implementation);
    const secure = next<SecureSocket>(server, 'secureConnection');
    const client = await connectTls(port);
    const closed = beginClose(server, await secure);
    const late = await refused(port);
    client.write('still here');
    const echo = (await next<Buffer>(client, 'data')).toString();
    client.end();
    await closed;
    return { late, echo, listening: server.listening, events: log.names };
  });

  for (const [step, sent] of [
    ['has sent nothing', 0],
    ['has sent a part of its hello', 100],
  ] as const) {
    scenario(`in its handshake (${step}): it is served like any other`, async (implementation) => {
      const { server, port, log } = await tlsServer(implementation);
      const tcp = await openTcp(server, port);
      const { client, letGo } = await holdBack(tcp, sent);
      const secure = next<SecureSocket>(server, 'secureConnection');
      const serverClosed = beginClose(server);
      const connected = once(client, 'secureConnect');
      letGo();
      const socketClosed = once(await secure, 'close');
      await connected;
      client.write('served');
      const echo = (await next<Buffer>(client, 'data')).toString();
      client.end();
      await Promise.all([serverClosed, socketClosed]);
      return { echo, events: log.names };
    });
  }

  for (const how of ['ends', 'resets'] as const) {
    scenario(`in its handshake, and ${how}: the server is closed then`, async (implementation) => {
      const { server, port } = await tlsServer(implementation);
      const failed = next<Error>(server, 'tlsClientError');
      const tcp = await openTcp(server, port);
      const closed = beginClose(server);
      if (how === 'ends') tcp.end();
      else tcp.resetAndDestroy();
      await closed;
      return { error: meaning(await failed) };
    });
  }

  scenario('half-closed by the client: it gets its answer', async (implementation) => {
    const { server, port, log } = await tlsServer(implementation, true);
    const secure = next<SecureSocket>(server, 'secureConnection');
    const client = await connectTls(port);
    const socket = await secure;
    const answer = readAll(client);
    client.end('question');
    await once(socket, 'end');
    const closed = beginClose(server, socket);
    socket.end(', answered');
    const text = (await answer).toString();
    await closed;
    return { text, events: log.names };
  });

  scenario('half-closed by the server: what the client still sends arrives', async (implementation) => {
    const { server, port } = await tlsServer(implementation, true);
    const secure = next<SecureSocket>(server, 'secureConnection');
    const client = await connectTls(port, { allowHalfOpen: true } as object);
    const socket = await secure;
    socket.removeAllListeners('data');
    const received = readAll(socket);
    socket.end('over');
    await readAll(client);
    const closed = beginClose(server, socket);
    client.end('last words');
    const text = (await received).toString();
    await closed;
    return { text };
  });

  scenario('from before: the server may listen again meanwhile, and serves both', async (implementation) => {
    const { server, port } = await tlsServer(implementation);
    const before = await connectTls(port);
    await holds(server, 1);
    server.close();
    const after = await connectTls(await listen(server));
    const echoes: string[] = [];
    for (const client of [before, after]) {
      client.write('served');
      echoes.push((await next<Buffer>(client, 'data')).toString());
      client.end();
    }
    await beginClose(server);
    return { echoes };
  });
});

describe('server.close(), the same as with node:https, with a connection that is', () => {
  async function httpsServer(
    implementation: Implementation,
    answer: (response: ServerResponse) => void,
  ): Promise<{ server: ReturnType<Implementation['createHttpsServer']>; port: number }> {
    const server = implementation.createHttpsServer({}, (_request, response) => answer(response));
    return { server, port: await listen(server) };
  }
  const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const getLast = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const withoutDate = (text: string): string => text.replace(/Date: .*\r\n/, '');

  scenario('kept alive and idle: it is ended at once', async (implementation) => {
    const { server, port } = await httpsServer(implementation, (response) => response.end('x'));
    const client = await connectTls(port);
    client.write(get);
    const all = readAll(client);
    await once(client, 'data');
    await beginClose(server);
    return { text: withoutDate((await all).toString()) };
  });

  scenario('being answered: the answer arrives whole, and the connection ends', async (implementation) => {
    let response: ServerResponse | undefined;
    const { server, port } = await httpsServer(implementation, (given) => {
      response = given;
      given.write('first, ');
    });
    const client = await connectTls(port);
    client.write(getLast);
    const all = readAll(client);
    await once(client, 'data');
    const closed = beginClose(server);
    response?.end('then the rest');
    await closed;
    return { text: withoutDate((await all).toString()) };
  });

  scenario('secure, and has asked for nothing yet: it still may', async (implementation) => {
    const { server, port } = await httpsServer(implementation, (response) => response.end('x'));
    const secure = once(server, 'secureConnection');
    const client = await connectTls(port);
    await secure;
    client.on('error', () => undefined);
    const all = readAll(client);
    const closed = beginClose(server);
    client.write(getLast);
    await closed;
    const text = withoutDate((await all).toString());
    return { answered: text !== '', text }; // Node 26 ends it.
  });

  scenario(
    'in its handshake: closeAllConnections() does not know of it, and it is served',
    async (implementation) => {
      const { server, port } = await httpsServer(implementation, (response) => response.end('x'));
      const tcp = await openTcp(server, port);
      const closed = beginClose(server);
      server.closeAllConnections();
      const client = connect({ socket: tcp, rejectUnauthorized: false });
      client.write(getLast);
      const text = withoutDate((await readAll(client)).toString());
      await closed;
      return { text };
    },
  );
});
