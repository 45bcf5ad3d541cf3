import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { expect } from 'chai';
import { createGrpcServer } from '../../lib/grpc/create-grpc-server.ts';
import { attach, drain, LocalKeySigner } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { listen } from '../fixtures/peers.ts';
import { needs } from '../fixtures/needs.ts';

const { key, cert } = identity('P-256');
const secured = { cert, signer: new LocalKeySigner({ key }) };
const run = promisify(execFile);

describe('a server that is drained, as others see it:', function () {
  this.timeout(120_000);

  describe('curl', () => {
    needs('curl');

    it('gets the whole body and `Connection: close`, over HTTP/1.1', async () => {
      const server = attach(
        createHttpsServer((_request, response) => {
          void drain(server);
          response.end('the whole body');
        }),
        secured,
      );
      const url = `https://127.0.0.1:${await listen(server)}`;
      const { stdout } = await run('curl', ['-sSki', '--http1.1', url]);
      expect(stdout).to.match(/^HTTP\/1\.1 200[^]*connection: close[^]*the whole body$/i);
      expect(await drain(server)).to.include({ finished: 1, cut: 0 });
    });

    it('gets the whole body over HTTP/2, which ends in order', async () => {
      const server = attach(
        createSecureServer({}, (_request, response) => {
          void drain(server);
          response.write('the whole ');
          setImmediate(() => response.end('body'));
        }),
        secured,
      );
      const url = `https://127.0.0.1:${await listen(server)}`;
      const { stdout } = await run('curl', ['-sSki', '--http2', url]);
      expect(stdout).to.match(/^HTTP\/2 200[^]*the whole body$/);
      expect(await drain(server)).to.include({ finished: 1, cut: 0 });
    });
  });

  describe("Go's net/http over HTTP/2", () => {
    needs('go');
    const folder = mkdtempSync(join(tmpdir(), 's2n-drain-'));
    const client = join(folder, 'requests');
    before(() => {
      const source = fileURLToPath(new URL('clients/requests.go', import.meta.url));
      const { status, stderr } = spawnSync('go', ['build', '-o', client, source], { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
    });
    after(() => rmSync(folder, { recursive: true }));

    it('loses no request while one server drains and the next one takes over its port', async () => {
      const served = [0, 0];
      let drained: Promise<object> | undefined;
      const create = (number: 0 | 1): Server =>
        attach(
          createSecureServer({}, (_request, response) => {
            served[number] = (served[number] ?? 0) + 1;
            if (served[0] === 100) takeOver();
            setImmediate(() => response.end('the whole body'));
          }),
          secured,
        );
      const [first, second] = [create(0), create(1)];
      const port = await listen(first);
      function takeOver(): void {
        if (drained) return;
        drained = drain(first);
        second.listen(port, '127.0.0.1');
      }
      const { stdout } = await run(client, [`https://127.0.0.1:${port}`, '400']);
      expect(JSON.parse(stdout)).to.deep.equal({ answered: 400, failures: [] });
      expect(await drained).to.include({ finished: 1, cut: 0 });
      expect(served[1]).to.be.above(0);
      expect((served[0] ?? 0) + (served[1] ?? 0)).to.equal(400);
      await drain(second);
    });
  });

  it('grpc-js finishes its calls', async () => {
    const text = {
      serialize: (value: string) => Buffer.from(value),
      deserialize: (bytes: Buffer) => String(bytes),
    };
    const sayHello = {
      ...({ path: '/demo.Greeter/SayHello', requestStream: false, responseStream: false } as const),
      ...{ requestSerialize: text.serialize, requestDeserialize: text.deserialize },
      ...{ responseSerialize: text.serialize, responseDeserialize: text.deserialize },
    };
    const finish: (() => void)[] = [];
    const service = new grpc.Server();
    service.addService(
      { sayHello },
      {
        sayHello: (call: { request: string }, done: grpc.sendUnaryData<string>) => {
          finish.push(() => done(null, `Hello, ${call.request}`));
        },
      },
    );
    const injector = service.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    const server = createGrpcServer(injector, secured);
    const port = await listen(server);
    const Client = grpc.makeClientConstructor({ sayHello }, 'Greeter');
    const client = new Client(`localhost:${port}`, grpc.credentials.createSsl(Buffer.from(cert)));
    const answer = new Promise((resolve, reject) => {
      const method = client['sayHello'] as (
        request: string,
        done: (error: unknown, value: unknown) => void,
      ) => void;
      method.call(client, 'gRPC', (error, value) => (error ? reject(error as Error) : resolve(value)));
    });
    while (finish.length === 0) await new Promise(setImmediate);
    const drained = drain(server, { within: 20_000 });
    for (const each of finish) each();
    expect(await answer).to.equal('Hello, gRPC');
    expect(await drained).to.include({ finished: 1, cut: 0 });
    client.close();
    service.forceShutdown();
  });
});
