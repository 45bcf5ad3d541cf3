import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { connect } from 'node:tls';
import { expect } from 'chai';
import {
  createServer,
  diagnostics,
  LocalKeySigner,
  type TlsServer,
  type TlsSocket,
} from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, connectTls, listen, next } from '../fixtures/peers.ts';
import { Random, testSeed } from '../fixtures/random.ts';
import { Wire } from '../fixtures/wire.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });
const megabyte = 1024 * 1024;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

const seed = testSeed();
/** More of them: `S2N_PKEY_TEST_ROUNDS=1000 npx mocha test/tls/close-random.test.ts`. */
const rounds = Number(process.env['S2N_PKEY_TEST_ROUNDS'] ?? 8);

/** What one direction carries: random bytes in random chunks, made as they are needed. */
class Cargo {
  readonly size: number;
  readonly #random: Random;
  readonly #hash = createHash('sha256');

  constructor(size: number, seed: string) {
    this.size = size;
    this.#random = new Random(seed);
  }

  /** Writes all of it as fast as it is taken. */
  async writeTo(stream: Writable): Promise<void> {
    for (let left = this.size; left > 0;) {
      const chunk = this.#random.bytes(Math.min(left, 1 + this.#random.size(300_000)));
      left -= chunk.length;
      this.#hash.update(chunk);
      if (!stream.write(chunk)) await once(stream, 'drain');
    }
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Reads with random pauses until the end, or until the stream is destroyed. */
function readingOf(stream: Readable, random: Random): { size: number; digest: () => string } {
  const hash = createHash('sha256');
  const reading = { size: 0, digest: () => hash.digest('hex') };
  stream.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    reading.size += chunk.length;
    if (random.below(50) > 0) return;
    stream.pause();
    setImmediate(() => stream.resume());
  });
  return reading;
}

function countCloses(socket: TlsSocket): { closes: number; errors: string[] } {
  const seen = { closes: 0, errors: [] as string[] };
  socket.on('close', () => seen.closes++);
  socket.on('error', (error: NodeJS.ErrnoException) => seen.errors.push(String(error.code)));
  return seen;
}

async function nothingLeft(): Promise<void> {
  await when(
    'the engine to let go of all but silent ones',
    diagnostics,
    (now) => now.descriptors === now.silent,
  );
}

describe(`Connections with random sizes, chunks and ends (S2N_PKEY_TEST_SEED=${seed})`, function () {
  this.timeout(60_000 + rounds * 10_000);
  let server: TlsServer;

  afterEach(async () => {
    await close(server);
    await nothingLeft();
  });

  async function serve(): Promise<{ port: number; secure: () => Promise<TlsSocket> }> {
    server = createServer({ cert, signer, allowHalfOpen: true });
    return { port: await listen(server), secure: () => next<TlsSocket>(server, 'secureConnection') };
  }

  it('node:tls: all that either side writes before its end arrives at the other, both ways at once', async () => {
    const { port, secure } = await serve();
    for (let round = 0; round < rounds; round++) {
      const random = new Random(`${seed}/node/${round}`);
      const up = new Cargo(random.size(64 * megabyte), `${seed}/up/${round}`);
      const down = new Cargo(random.size(64 * megabyte), `${seed}/down/${round}`);
      const maxVersion = random.among(versions);
      const arrived = secure();
      const client = await connectTls(port, { maxVersion, allowHalfOpen: true } as object);
      const socket = await arrived;
      const seen = countCloses(socket);
      const received = { up: readingOf(socket, random), down: readingOf(client, random) };
      const over = Promise.all([once(socket, 'close'), once(client, 'close')]);
      await Promise.all([
        up.writeTo(client).then(() => client.end()),
        down.writeTo(socket).then(() => socket.end()),
      ]);
      await over;
      const what = `round ${round}: ${maxVersion}, ${up.size} bytes up, ${down.size} down`;
      expect([received.up.size, received.down.size], what).to.deep.equal([up.size, down.size]);
      expect([received.up.digest(), received.down.digest()], what).to.deep.equal([
        up.digest(),
        down.digest(),
      ]);
      expect(seen, what).to.deep.equal({ closes: 1, errors: [] });
      expect(socket.endedWithoutCloseNotify, what).to.equal(false);
    }
  });

  it('destroy() after the last write: all data arrives, even if the peer keeps sending', async () => {
    const { port, secure } = await serve();
    for (let round = 0; round < rounds; round++) {
      const random = new Random(`${seed}/destroy/${round}`);
      const down = new Cargo(random.size(16 * megabyte), `${seed}/destroyed/${round}`);
      const maxVersion = random.among(versions);
      const arrived = secure();
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion });
      client.on('error', () => undefined); // it sends to nobody in the end
      const socket = await arrived;
      const seen = countCloses(socket);
      const received = readingOf(client, random);
      // The client may be told of the end before the socket says that it is closed.
      const over = Promise.all([once(client, 'end'), once(socket, 'close')]);
      const sending = setInterval(() => client.write(random.bytes(random.size(100_000))), 1);
      await down.writeTo(socket);
      socket.write('', () => socket.destroy());
      await over;
      clearInterval(sending);
      client.destroy();
      const what = `round ${round}: ${maxVersion}, ${down.size} bytes`;
      expect(received.size, what).to.equal(down.size);
      expect(received.digest(), what).to.equal(down.digest());
      expect(seen, what).to.deep.equal({ closes: 1, errors: [] });
    }
  });

  it('openssl s_client: all that either side writes before its end arrives at the other', async () => {
    const { port, secure } = await serve();
    for (let round = 0; round < Math.ceil(rounds / 2); round++) {
      const random = new Random(`${seed}/openssl/${round}`);
      const version = random.among(versions);
      const clientEnds = random.below(2) === 0;
      const up = new Cargo(random.size(16 * megabyte), `${seed}/openssl up/${round}`);
      // s_client drops what it has not read yet when its input ends: there it only sends.
      const down = new Cargo(clientEnds ? 0 : random.size(16 * megabyte), `${seed}/openssl down/${round}`);
      const arrived = secure();
      const child = spawn(
        'openssl',
        [
          ...[
            's_client',
            '-connect',
            `127.0.0.1:${port}`,
            '-servername',
            'localhost',
            '-quiet',
            '-nocommands',
          ],
          version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3',
          ...(clientEnds ? ['-no_ign_eof'] : []),
        ],
        { stdio: ['pipe', 'pipe', 'ignore'] },
      );
      child.stdin.on('error', () => undefined);
      const exited = once(child, 'close');
      const socket = await arrived;
      const seen = countCloses(socket);
      const closed = once(socket, 'close');
      const received = { up: readingOf(socket, random), down: readingOf(child.stdout, random) };
      const sent = up.writeTo(child.stdin);
      await down.writeTo(socket);
      await sent;
      if (clientEnds) {
        child.stdin.end();
        await once(socket, 'end');
        socket.end();
      } else {
        while (received.up.size < up.size) await once(socket, 'data');
        socket.end();
      }
      await Promise.all([closed, exited]);
      const what = `round ${round}: ${version}, ${up.size} bytes up, ${down.size} down, ${clientEnds ? 'openssl' : 'the server'} ends`;
      expect([received.up.size, received.down.size], what).to.deep.equal([up.size, down.size]);
      expect([received.up.digest(), received.down.digest()], what).to.deep.equal([
        up.digest(),
        down.digest(),
      ]);
      expect(seen.closes, what).to.equal(1);
    }
  });

  for (const [cut, codes] of [
    ['FIN', ['']],
    ['RST', ['ECONNRESET', 'EPIPE']],
  ] as const) {
    it(`${cut} at a random byte: the data received is a prefix of the data sent, and 'close' is emitted once`, async () => {
      const { port, secure } = await serve();
      for (let round = 0; round < rounds; round++) {
        const random = new Random(`${seed}/${cut}/${round}`);
        const maxVersion = random.among(versions);
        const arrived = secure();
        const wire = await Wire.to(port, maxVersion);
        const socket = await arrived;
        const seen = countCloses(socket);
        const sent = random.bytes(3 * megabyte);
        const prefix = createHash('sha256');
        let size = 0;
        socket.on('data', (chunk: Buffer) => {
          prefix.update(chunk);
          size += chunk.length;
        });
        socket.on('end', () => socket.end());
        const closed = new Promise((resolve) => socket.once('close', resolve));
        if (random.below(2) === 0) socket.write(random.bytes(random.size(5 * megabyte)));
        wire.client.write(sent);
        await wire.passed(random.below(sent.length));
        if (cut === 'FIN') wire.fin();
        else await wire.reset();
        await closed;
        wire.close();
        const what = `round ${round}: ${maxVersion}, ${size} bytes arrived`;
        expect(prefix.digest('hex'), what).to.equal(
          createHash('sha256').update(sent.subarray(0, size)).digest('hex'),
        );
        expect(seen.closes, what).to.equal(1);
        expect(seen.errors.concat(''), what).to.include.oneOf([...codes]);
        expect(socket.endedWithoutCloseNotify, what).to.equal(cut === 'FIN');
      }
    });
  }
});
