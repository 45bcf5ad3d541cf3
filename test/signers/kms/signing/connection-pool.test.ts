import dns from 'node:dns';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Connection, Exchange } from '../../../../lib/signers/kms/signing/connection.ts';
import { ConnectionPool, type PoolLimits } from '../../../../lib/signers/kms/signing/connection-pool.ts';
import type { HttpAnswer } from '../../../../lib/signers/kms/signing/http-answer.ts';
import { when } from '../../../fixtures/when.ts';
import { rejectionOf } from '../../rejection.ts';

/** A service that answers when it is told to, and counts. */
class HeldService {
  readonly #server: Server;
  readonly #held: (() => void)[] = [];
  hold = false;
  connections = 0;
  requests = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      request.resume();
      const answer = (): void => void response.end('{}');
      if (this.hold) this.#held.push(answer);
      else answer();
    });
    this.#server.keepAliveTimeout = 0;
    this.#server.on('connection', () => (this.connections += 1));
  }

  async listen(host = '127.0.0.1', port = 0): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function ask(pool: ConnectionPool, host: string): Promise<HttpAnswer> {
  return new Promise((answered, failed) => {
    const exchange: Exchange = {
      carrier: undefined as Connection | undefined,
      render: () => `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\n{}`,
      answered,
      failed,
    };
    pool.send(exchange);
  });
}

describe("The fast path's connections to KMS", () => {
  const services: HeldService[] = [];
  const pools: ConnectionPool[] = [];
  const { lookup } = dns;

  async function service(host?: string, port?: number): Promise<{ kms: HeldService; port: number }> {
    const kms = new HeldService();
    services.push(kms);
    return { kms, port: await kms.listen(host, port) };
  }
  function poolTo(port: number, limits: PoolLimits, hostname = '127.0.0.1'): ConnectionPool {
    const pool = new ConnectionPool({ secure: false, hostname, port }, limits);
    pools.push(pool);
    return pool;
  }
  afterEach(() => {
    dns.lookup = lookup;
    for (const pool of pools.splice(0)) pool.close();
    for (const one of services.splice(0)) one.close();
  });

  it('are as many as the limit says at most: more requests wait, and all are answered', async () => {
    const { kms, port } = await service();
    kms.hold = true;
    const pool = poolTo(port, { mostConnections: 3 });
    const answers = Array.from({ length: 10 }, () => ask(pool, 'kms'));
    await when(
      'three requests',
      () => kms.requests,
      (count) => count === 3,
    );
    expect(pool.size).to.equal(3);
    kms.hold = false;
    kms.release();
    for (const { status } of await Promise.all(answers)) expect(status).to.equal(200);
    expect(kms).to.include({ connections: 3, requests: 10 });
  });

  it('are used again', async () => {
    const { kms, port } = await service();
    const pool = poolTo(port, {});
    for (let i = 0; i < 5; i++) await ask(pool, 'kms');
    expect(kms).to.include({ connections: 1, requests: 5 });
  });

  it('are not used again once they have been idle for as long as the limit says', async () => {
    const { kms, port } = await service();
    const pool = poolTo(port, { idleLimit: -1 });
    for (let i = 0; i < 3; i++) await ask(pool, 'kms');
    expect(kms).to.include({ connections: 3, requests: 3 });
    expect(pool.size).to.equal(1);
  });

  for (const [lifetime, served] of [
    [1_000, { before: 1, after: 1 }],
    [60_000, { before: 2, after: 0 }],
  ] as const) {
    it(`that may live ${lifetime} ms follow a change of the name's address: ${served.after} of 1`, async () => {
      const before = await service('127.0.0.1');
      const after = await service('127.0.0.2', before.port);
      let address = '127.0.0.1';
      const asked: string[] = [];
      dns.lookup = ((
        name: string,
        options: { all?: boolean },
        done: (error: null, address: unknown, family?: number) => void,
      ) => {
        asked.push(name);
        if (options.all) done(null, [{ address, family: 4 }]);
        else done(null, address, 4);
      }) as unknown as typeof lookup;
      let now = 0;
      const pool = poolTo(before.port, { lifetime, now: () => now }, 'kms.test');
      await ask(pool, 'kms.test');
      now = 1_250; // They live up to a quarter longer, so as not to be replaced all at once.
      address = '127.0.0.2';
      await ask(pool, 'kms.test');
      expect(before.kms.requests).to.equal(served.before);
      expect(after.kms.requests).to.equal(served.after);
      expect(new Set(asked)).to.deep.equal(new Set(['kms.test']));
    });
  }

  it('are closed with it, and whoever asks afterwards is told', async () => {
    const { port } = await service();
    const pool = poolTo(port, {});
    await ask(pool, 'kms');
    pool.close();
    expect(pool.size).to.equal(0);
    expect(await rejectionOf(ask(pool, 'kms'))).to.have.property('message', 'the signer was closed');
  });
});
