import dns from 'node:dns';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { Transport, type TransportOptions } from '../../../../lib/signers/kms/signing/transport.ts';
import { identity } from '../../../fixtures/identity.ts';
import { when } from '../../../fixtures/when.ts';
import { rejectionOf } from '../../rejection.ts';
import { HeldService, rawServer, send } from './misbehaving-services.ts';

describe('The transport to KMS', () => {
  const closing: (() => void)[] = [];
  const { lookup } = dns;

  async function service(
    host?: string,
    port?: number,
    keepAliveTimeout?: number,
  ): Promise<{ kms: HeldService; port: number }> {
    const kms = new HeldService(keepAliveTimeout);
    closing.push(() => kms.close());
    return { kms, port: await kms.listen(host, port) };
  }
  function transportTo(
    port: number,
    options: TransportOptions = {},
    hostname = '127.0.0.1',
    secure = false,
  ): Transport {
    const transport = new Transport({ secure, hostname, port }, options);
    closing.push(() => transport.close());
    return transport;
  }
  async function serverOf(onConnection: (socket: Socket) => void): Promise<number> {
    const { port, close } = await rawServer(onConnection);
    closing.push(close);
    return port;
  }
  afterEach(() => {
    dns.lookup = lookup;
    for (const close of closing.splice(0)) close();
  });

  it('opens as many connections as the limit says at most: more requests wait, and all are answered', async () => {
    const { kms, port } = await service();
    kms.hold = true;
    const transport = transportTo(port, { maxConnections: 3 });
    const asked = Array.from({ length: 10 }, () => send(transport));
    await when(
      'three requests',
      () => kms.requests,
      (count) => count === 3,
    );
    kms.hold = false;
    kms.release();
    for (const { response } of asked) expect((await response).status).to.equal(200);
    expect(kms).to.include({ connections: 3, requests: 10 });
  });

  it('uses a connection again', async () => {
    const { kms, port } = await service();
    const transport = transportTo(port);
    for (let i = 0; i < 5; i++) {
      await send(transport).response;
      await turn(); // Until then it is not known to stay open.
    }
    expect(kms).to.include({ connections: 1, requests: 5 });
  });

  it('closes a connection that has been idle for as long as the limit says', async () => {
    const { kms, port } = await service();
    const transport = transportTo(port, { idleTimeout: 20 });
    await send(transport).response;
    await when(
      'its end',
      () => kms.closed,
      (count) => count === 1,
    );
  });

  it('closes a connection a second before the server would', async () => {
    const { kms, port } = await service('127.0.0.1', 0, 1_020); // Sent as a hint in whole seconds: `timeout=1`.
    const transport = transportTo(port);
    for (let i = 0; i < 2; i++) {
      await send(transport).response;
      await turn();
    }
    expect(kms).to.include({ connections: 2, requests: 2 });
  });

  for (const [lifetime, served] of [
    [1_000, { before: 2, after: 1 }],
    [60_000, { before: 3, after: 0 }],
  ] as const) {
    it(`follows a change of the name's address within ${lifetime} ms and one request: ${served.after} of 1`, async () => {
      const before = await service('127.0.0.1');
      const after = await service('127.0.0.2', before.port);
      let address = '127.0.0.1';
      const names: string[] = [];
      dns.lookup = ((
        name: string,
        options: { all?: boolean },
        done: (error: null, address: unknown, family?: number) => void,
      ) => {
        names.push(name);
        if (options.all) done(null, [{ address, family: 4 }]);
        else done(null, address, 4);
      }) as unknown as typeof lookup;
      let now = 0;
      const transport = transportTo(before.port, { lifetime, now: () => now }, 'kms.test');
      await send(transport, 'kms.test').response;
      await turn();
      now = 1_250; // They live up to a quarter longer, so as not to be replaced all at once.
      address = '127.0.0.2';
      for (let i = 0; i < 2; i++) {
        await send(transport, 'kms.test').response;
        await turn();
      }
      expect(before.kms.requests).to.equal(served.before);
      expect(after.kms.requests).to.equal(served.after);
      expect(new Set(names)).to.deep.equal(new Set(['kms.test']));
    });
  }

  it('does not send a request that is cancelled while it waits, and keeps the connection', async () => {
    const { kms, port } = await service();
    kms.hold = true;
    const transport = transportTo(port, { maxConnections: 1 });
    const first = send(transport);
    await when(
      'the first request',
      () => kms.requests,
      (count) => count === 1,
    );
    const second = send(transport);
    const third = send(transport);
    second.exchange.abort();
    kms.hold = false;
    kms.release();
    for (const { response } of [first, third]) await response;
    expect(second.sentAt).to.equal(undefined);
    expect(kms).to.include({ connections: 1, requests: 2 });
  });

  it('says that a connection was stale which the server reset while it was idle; requests from then on have others', async () => {
    const sockets: Socket[] = [];
    let requests = 0;
    let hold = true;
    const held: (() => void)[] = [];
    const port = await serverOf((socket) => {
      sockets.push(socket);
      socket.on('data', () => {
        requests += 1;
        const answer = (): boolean => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
        if (hold) held.push(answer);
        else if (requests < 3) answer();
        else if (requests === 3)
          socket.resetAndDestroy(); // An idle connection, at the first byte on it.
        else answer();
      });
    });
    let later = 0;
    const transport = transportTo(port, { now: () => performance.now() + later });
    const both = [send(transport), send(transport)];
    await when(
      'two requests',
      () => requests,
      (count) => count === 2,
    );
    hold = false;
    for (const answer of held) answer();
    for (const { response } of both) await response;
    await turn();
    const stale = send(transport);
    expect(await rejectionOf(stale.response)).to.include({ code: 'ECONNRESET' });
    expect(stale.stale).to.equal(true);
    // Within the first second of the transport they stay, so that a server that resets all is not stormed.
    later = 1_000;
    const { sentAt, response } = send(transport);
    await response;
    await turn();
    const before = sockets.length;
    transport.replaceConnections(sentAt ?? performance.now());
    await send(transport).response;
    expect(sockets).to.have.lengthOf(before + 1);
  });

  it('a failure of a first request is not that of a stale connection', async () => {
    const port = await serverOf((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const asked = send(transportTo(port));
    await rejectionOf(asked.response);
    expect(asked.stale).to.equal(false);
  });

  it('opens new connections to a KMS whose TLS sessions cannot be resumed', async () => {
    let resumptions = 0;
    let served = 0;
    const tls = createTlsServer({ ...identity('P-256'), maxVersion: 'TLSv1.2' }, (socket) => {
      socket
        .on('error', () => undefined)
        .on('data', () => {
          served += 1;
          socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}');
        });
    });
    // By session ids: the server is asked for the session, and breaks off.
    tls.setSecureContext({ ...identity('P-256'), maxVersion: 'TLSv1.2', secureOptions: 0x4000 });
    const sessions = new Set<string>();
    tls.on('newSession', (id: Buffer, _session, done: () => void) => {
      sessions.add(id.toString('hex'));
      done();
    });
    tls.on('resumeSession', (id: Buffer, done: (error: Error | null, session: null) => void) => {
      const isKnown = sessions.has(id.toString('hex')); // Not a TLS 1.3 client's, which is random.
      if (isKnown) resumptions += 1;
      done(isKnown ? new Error('the session cannot be resumed') : null, null);
    });
    tls.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
    await once(tls, 'listening');
    closing.push(() => tls.close());
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const { port } = tls.address() as AddressInfo;
      const transport = transportTo(port, {}, 'localhost', true);
      for (let i = 0; i < 4; i++) expect((await send(transport, 'localhost').response).status).to.equal(200);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
    expect([served, sessions.size, resumptions]).to.deep.equal([4, 4, 0]);
  });

  it('keeps no asynchronous context of the request that a connection was opened for', async () => {
    const context = new AsyncLocalStorage<string>();
    const { port } = await service();
    const transport = transportTo(port);
    const seen: (string | undefined)[] = [];
    await new Promise<void>((resolve, reject) => {
      context.run('of the first request', () => {
        transport.send(
          { headers: ['host', 'kms'], body: '{}' },
          {
            sent: () => undefined,
            answered: () => {
              seen.push(context.getStore());
              resolve();
            },
            failed: reject,
          },
        );
      });
    });
    expect(seen).to.deep.equal([undefined]);
  });

  it('fails pending requests when it is closed, and refuses later ones', async () => {
    const { kms, port } = await service();
    kms.hold = true;
    const transport = transportTo(port);
    const asked = send(transport);
    await when(
      'the request',
      () => kms.requests,
      (count) => count === 1,
    );
    transport.close();
    expect(await rejectionOf(asked.response)).to.be.instanceOf(Error);
    expect(() => send(transport)).to.throw('the signer was closed');
    await when(
      'its end',
      () => kms.closed,
      (count) => count === 1,
    );
  });
});
