import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import {
  createServer,
  diagnostics,
  LocalKeySigner,
  type EngineDiagnostics,
  type PrivateKeyOperation,
  type TlsConnectionError,
  type TlsServer,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const local = new LocalKeySigner({ key });

/** What the engine counts and what the kernel counts, of a process that has nothing to do. */
interface Holdings {
  readonly engine: Partial<EngineDiagnostics>;
  readonly arenaBytes: number;
  readonly descriptors: number;
}

/** Once the engine has let go of everything. */
async function holdings(): Promise<Holdings> {
  const now = await when(
    'the engine to let go of everything',
    diagnostics,
    ({ descriptors, operations, tracked }) => descriptors + operations + tracked === 0,
  );
  const { handshaking, awaitingSignature, open, silent, lingering, operations, arenaBytesInUse } = now;
  return {
    engine: { handshaking, awaitingSignature, open, silent, lingering, operations },
    arenaBytes: arenaBytesInUse,
    descriptors: readdirSync('/proc/self/fd').length,
  };
}

/** AWS-LC's memory of the process is in the arena, too, and grows and shrinks a little by itself; a connection has 25 KB. */
function expectNoMore(second: Holdings, first: Holdings): void {
  expect(second.engine).to.deep.equal(first.engine);
  expect(second.arenaBytes).to.be.at.most(first.arenaBytes + 12_000);
  expect(second.descriptors).to.be.at.most(first.descriptors);
}

/** A promise and what settles it. */
class Later<T> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => undefined;
  reject: (reason: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

interface Failing {
  readonly answer: (operation: PrivateKeyOperation, later: Later<Uint8Array>) => unknown;
  /** What the client or the server does while the signer works. */
  readonly meanwhile?: (client: TLSSocket) => void;
  /** After the handshake has failed. */
  readonly afterwards?: (later: Later<Uint8Array>) => void;
  readonly handshakeTimeout?: number;
  readonly code: string;
}

const failing: Record<string, Failing> = {
  'throws null': {
    answer() {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw null;
    },
    code: 'ERR_S2N_PKEY_SIGNER',
  },
  'signs another input': {
    answer: ({ scheme, input, inputKind }) =>
      local.sign({ scheme, inputKind, input: input.map((byte) => byte ^ 1) }),
    code: 'ERR_S2N_PKEY_SIGNATURE_INVALID',
  },
  'never answers': {
    answer: (_operation, later) => later.promise,
    handshakeTimeout: 100,
    code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  },
  'answers after the deadline': {
    answer: (_operation, later) => later.promise,
    handshakeTimeout: 100,
    afterwards: (later) => {
      later.resolve(new Uint8Array(70));
    },
    code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  },
  'rejects after the deadline': {
    answer: (_operation, later) => later.promise,
    handshakeTimeout: 100,
    afterwards: (later) => {
      later.reject(new Error('too late'));
    },
    code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  },
  'answers after the client has ended': {
    answer: (_operation, later) => later.promise,
    meanwhile: (client) => client.destroy(),
    afterwards: (later) => {
      later.resolve(new Uint8Array(70));
    },
    code: 'ECONNRESET',
  },
  'answers after the client has reset': {
    answer: (_operation, later) => later.promise,
    // Bytes of the server's that it did not read make it a RST.
    meanwhile: (client) => client.pause().destroy(),
    afterwards: (later) => {
      later.reject(undefined);
    },
    code: 'ECONNRESET',
  },
};

describe('A private-key operation', () => {
  let server: TlsServer;

  afterEach(async () => {
    if (server.listening) await close(server);
  });

  for (const [what, { answer, meanwhile, afterwards, handshakeTimeout, code }] of Object.entries(failing)) {
    it(`whose signer ${what} leaves nothing behind`, async () => {
      let later = new Later<Uint8Array>();
      let asked = new Later<boolean>();
      let fails = true;
      const signer = new AsynchronousSigner(key, (operation) => {
        asked.resolve(true);
        return fails ? answer(operation, later) : local.sign(operation);
      });
      server = createServer({ cert, signer, ...(handshakeTimeout && { handshakeTimeout }) }, (socket) =>
        socket.end('ok'),
      );
      const port = await listen(server);
      const failOnce = async (): Promise<Holdings> => {
        later = new Later<Uint8Array>();
        asked = new Later<boolean>();
        const failed = once(server, 'tlsClientError') as Promise<[TlsConnectionError]>;
        const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
        client.on('error', () => undefined);
        const gone = new Promise((resolve) => client.on('close', resolve));
        // On a busy machine the deadline may come before the hello; then it is another try's turn.
        if (!(await Promise.race([asked.promise, failed.then(() => false)]))) {
          await gone;
          return failOnce();
        }
        meanwhile?.(client);
        const [error] = await failed;
        expect(error.code).to.equal(code);
        afterwards?.(later);
        await gone;
        return holdings();
      };
      const first = await failOnce();
      const second = await failOnce();
      expectNoMore(second, first);
      expect(first.engine).to.include({ handshaking: 0, awaitingSignature: 0, open: 0, operations: 0 });
      fails = false;
      expect((await readAll(await connectTls(port))).toString()).to.equal('ok');
    });
  }

  it('is answered once, however often its signer calls resolve', async () => {
    const signer = new AsynchronousSigner(key, async (operation) => {
      const signature = await local.sign(operation);
      return {
        then(resolve: (value: unknown) => void) {
          for (const answer of [signature, signature, new Uint8Array(70)]) resolve(answer);
        },
      };
    });
    server = createServer({ cert, signer }, (socket) => socket.end('ok'));
    expect((await readAll(await connectTls(await listen(server)))).toString()).to.equal('ok');
    await close(server);
    expect((await holdings()).engine.operations).to.equal(0);
  });

  it('is dropped with the worker thread that had it, and nothing of it is left', async () => {
    server = createServer({ cert, signer: local });
    await listen(server); // the engine goes on: it is this thread's, too
    const terminate = async (): Promise<Holdings> => {
      const program = new URL('../fixtures/server-process.ts', import.meta.url).href;
      const load = `import('tsx/esm/api').then(({ register }) => { register(); return import('${program}'); })`;
      const env = { ...process.env, KEY: key, CERT: cert };
      const worker = new Worker(load, { eval: true, workerData: 'never signs', env });
      const port = await next<number>(worker, 'message');
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      client.on('error', () => undefined);
      const gone = new Promise((resolve) => client.on('close', resolve));
      const { operations } = await when(
        'the signer to be asked',
        diagnostics,
        ({ awaitingSignature }) => awaitingSignature > 0,
      );
      expect(operations).to.equal(1);
      await worker.terminate();
      await gone;
      return holdings();
    };
    const first = await terminate();
    const second = await terminate();
    expectNoMore(second, first);
    expect(first.engine).to.include({ awaitingSignature: 0, operations: 0 });
  }).timeout(60_000);
});
