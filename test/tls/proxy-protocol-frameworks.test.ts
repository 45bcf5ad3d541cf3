import * as grpc from '@grpc/grpc-js';
import { connect as connectNet, createServer as createNetServer } from 'node:net';
import { expect } from 'chai';
import { createGrpcServer } from '../../lib/grpc/create-grpc-server.ts';
import { LocalKeySigner } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen, readAll } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { binary4, connectBehind, line } from '../fixtures/proxy-headers.ts';

const { key, cert } = identity('P-256');

describe('proxyProtocol in node:cluster', function () {
  this.timeout(60_000);
  let program: Program | undefined;
  afterEach(() => program?.stop());

  // With `none`, workers accept by themselves; with `rr`, the primary accepts and passes connections on.
  for (const policy of ['none', 'rr'] as const) {
    it(`gives every worker the addresses of clients (scheduling ${policy})`, async () => {
      const file = new URL('../fixtures/cluster-server.ts', import.meta.url);
      program = runProgram(file, ['proxy'], { KEY: key, CERT: cert, NODE_CLUSTER_SCHED_POLICY: policy });
      const port = (await program.nextLine()) as number;
      const workers = new Set<string>();
      for (let count = 0; count < 100 && (count < 4 || (policy === 'rr' && workers.size < 2)); count++) {
        const client = await connectBehind(port, line, cert);
        const [worker = '', ...facts] = (await readAll(client)).toString().split(' ');
        expect(facts).to.deep.equal(['192.0.2.7', '1']);
        workers.add(worker);
      }
      if (policy === 'rr') expect(workers.size).to.equal(2);
    });
  }
});

describe('proxyProtocol under gRPC', () => {
  const kept = keptServers();

  const text = {
    serialize: (value: string) => Buffer.from(value),
    deserialize: (bytes: Buffer) => String(bytes),
  };
  const whoAmI = {
    ...({ path: '/demo.Peers/WhoAmI', requestStream: false, responseStream: false } as const),
    ...{ requestSerialize: text.serialize, requestDeserialize: text.deserialize },
    ...{ responseSerialize: text.serialize, responseDeserialize: text.deserialize },
  };

  for (const [version, header] of [
    [1, line],
    [2, binary4()],
  ] as const) {
    it(`gives a call the address of its client by version ${version}`, async () => {
      const service = new grpc.Server();
      service.addService(
        { whoAmI },
        {
          whoAmI: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) =>
            done(null, call.getPeer()),
        },
      );
      const injector = service.createConnectionInjector(grpc.ServerCredentials.createInsecure());
      const proxyProtocol = { from: ['127.0.0.0/8'] };
      const signer = new LocalKeySigner({ key });
      const port = await listen(kept(createGrpcServer(injector, { cert, signer, proxyProtocol })));
      const balancer = kept(
        createNetServer((socket) => {
          const behind = connectNet(port, '127.0.0.1');
          behind.write(header);
          for (const each of [socket, behind]) each.on('error', () => undefined);
          socket.pipe(behind).pipe(socket);
        }),
      );
      const target = `localhost:${await listen(balancer)}`;
      const client = new grpc.Client(target, grpc.credentials.createSsl(Buffer.from(cert)));
      const peer = await new Promise<string | undefined>((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = whoAmI;
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, 'who', (error, value) =>
          error ? reject(error) : resolve(value),
        );
      });
      expect(peer).to.equal('192.0.2.7:56324');
      client.close();
      service.forceShutdown();
    });
  }
});
