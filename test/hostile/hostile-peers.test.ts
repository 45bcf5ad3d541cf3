import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createServer, diagnostics, LocalKeySigner, type TlsServer } from '../../lib/index.ts';
import { clientHello } from '../fixtures/client-hello.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, readAll } from '../fixtures/peers.ts';
import { Tls13Writer } from '../fixtures/tls13-writer.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');

/** Does nothing about what happens to it: it is the server that is watched. */
function raw(port: number): Socket {
  return connect(port, '127.0.0.1').on('error', () => undefined);
}

async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

describe('a hostile peer', () => {
  let server: TlsServer;
  let port: number;
  let errors: { code: string; message: string }[];
  /** A client that behaves, open all the while: nothing may happen to it. */
  let bystander: TLSSocket;

  beforeEach(async () => {
    errors = [];
    server = createServer(
      { cert, signer: new LocalKeySigner({ key }), handshakeTimeout: 10_000 },
      (socket) => {
        socket.on('error', (error) => errors.push(error as Error & { code: string }));
        socket.pipe(socket);
      },
    );
    server.on('tlsClientError', (error: Error & { code: string }) => errors.push(error));
    port = await listen(server);
    bystander = await served();
  });

  /** Whatever was done to others: it is still served, and so is the next; and then nothing is left. */
  afterEach(async () => {
    await echoes(bystander, 'still here');
    const next = await served();
    await echoes(next, 'served');
    for (const client of [bystander, next]) {
      client.end();
      await closed(client);
    }
    await close(server);
    const left = await when(
      'the engine to let go of everything',
      diagnostics,
      ({ descriptors, tracked }) => descriptors + tracked === 0,
    );
    expect(left).to.include({
      handshaking: 0,
      awaitingSignature: 0,
      open: 0,
      lingering: 0,
      tracked: 0,
    });
  });

  async function served(): Promise<TLSSocket> {
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(client, 'secureConnect');
    return client;
  }

  async function echoes(client: TLSSocket, text: string): Promise<void> {
    client.write(text);
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).to.equal(text);
  }

  /** As many failures told as there were peers, each by one of these codes. */
  async function told(count: number, codes: readonly string[]): Promise<void> {
    const failures = (): { code: string }[] => errors;
    await when(`${count} failures`, failures, ({ length }) => length >= count);
    expect(errors).to.have.lengthOf(count);
    for (const { code } of errors) expect(code).to.be.oneOf(codes);
  }

  const gone = ['ECONNRESET'];
  const refused = ['ERR_S2N_PKEY_PROTOCOL', 'ERR_S2N_PKEY_NOT_TLS', 'ECONNRESET'];

  it('scans the port: connects, and closes or resets', async () => {
    for (let i = 0; i < 200; i++) {
      const socket = raw(port);
      await once(socket, 'connect');
      if (i % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await told(200, gone);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`resets after every byte of its hello, and of its second flight (${version})`, async () => {
      const [hello = Buffer.alloc(0), flight = Buffer.alloc(0)] = await flights(port, version);
      const cuts: [Buffer, Buffer][] = [];
      for (const cut of hello.keys()) cuts.push([hello.subarray(0, cut), Buffer.alloc(0)]);
      for (const cut of flight.keys()) cuts.push([hello, flight.subarray(0, cut)]);
      errors.length = 0;
      for (const [first, second] of cuts) {
        const socket = raw(port);
        await once(socket, 'connect');
        socket.write(first);
        if (first === hello) {
          await once(socket, 'readable'); // the server's flight
          socket.write(second);
        }
        socket.resetAndDestroy();
      }
      await told(cuts.length, refused);
    });

    it(`sends its records a byte at a time (${version}): it is served like any other`, async () => {
      const proxy = createTcpServer((client) => {
        const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
        client.on('data', (chunk: Buffer) => {
          for (const byte of chunk) upstream.write(Buffer.of(byte));
        });
        upstream.pipe(client);
        client.on('end', () => upstream.end());
        client.on('close', () => upstream.destroy());
        for (const socket of [client, upstream]) socket.on('error', () => undefined);
      });
      const slow = connectTls({
        port: await listen(proxy),
        host: '127.0.0.1',
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
      });
      await once(slow, 'secureConnect');
      await echoes(slow, 'byte by byte');
      slow.end();
      await closed(slow);
      await close(proxy);
    });
  }

  it('sends garbage of every kind', async () => {
    for (let first = 0; first < 256; first++) {
      const socket = raw(port);
      socket.end(Buffer.concat([Buffer.of(first), Buffer.alloc(first * 7, first * 31)]));
      await closed(socket);
    }
    await told(256, refused);
  });

  it('sends a hello as SSLv2 wrote it', async () => {
    const socket = raw(port);
    socket.write(
      Buffer.from(
        `802e0100020015000000100100800200800300800400800500800600400700c0${'5a'.repeat(16)}`,
        'hex',
      ),
    );
    await closed(socket);
    await told(1, refused);
  });

  it('speaks HTTP without TLS, also HTTP/2 and a byte at a time: it gets the status 400', async () => {
    const slow = raw(port);
    slow.setNoDelay(true);
    for (const byte of Buffer.from('OPTIONS * HTTP/1.1\r\n')) slow.write(Buffer.of(byte));
    expect((await readAll(slow)).toString()).to.match(/^HTTP\/1.1 400 /);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    await new Promise((resolve) => session.once('close', resolve));
    await told(2, ['ERR_S2N_PKEY_NOT_TLS']);
  });

  it('announces a client hello of 16 MB: it is refused by its length', async () => {
    const socket = raw(port);
    socket.write(Buffer.from('16030140000100fffffc', 'hex'));
    await once(socket, 'connect');
    pour(socket, Buffer.concat([Buffer.from('1603014000', 'hex'), Buffer.alloc(0x4000)]));
    await closed(socket);
    await told(1, refused);
  });

  it('sends records of a handshake that never ends: it is refused at 256 KiB', async () => {
    const socket = raw(port);
    socket.write(await clientHello({ minVersion: 'TLSv1.3' }));
    await once(socket, 'readable');
    const sent = pour(socket, Buffer.from('140303000101'.repeat(1000), 'hex')); // change_cipher_spec, which means nothing
    await closed(socket);
    await told(1, refused);
    expect(sent()).to.be.greaterThan(1000);
  });

  it('sends empty records without end: it is closed at 128 KiB without a byte of data', async () => {
    const { socket, writer } = await takenOver(port);
    const records = (count: number): Buffer =>
      Buffer.concat(Array.from({ length: count }, () => writer.record(23, Buffer.alloc(0))));
    // As many as are allowed hurt nobody.
    socket.write(Buffer.concat([records(2000), writer.record(23, Buffer.from('data'))]));
    await once(socket, 'data');
    expect(errors).to.deep.equal([]);
    socket.write(records(20_000));
    await closed(socket);
    const error = await failure();
    expect(error).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert: 10 });
    expect(error.message).to.match(/hold no data/);
  });

  it('updates its keys without end: it is closed after 32 updates without data', async () => {
    const { socket, writer } = await takenOver(port);
    const updates = (count: number): Buffer =>
      Buffer.concat(Array.from({ length: count }, () => writer.keyUpdate()));
    for (let round = 0; round < 3; round++) {
      socket.write(Buffer.concat([updates(32), writer.record(23, Buffer.from('data'))]));
      await once(socket, 'data');
    }
    expect(errors).to.deep.equal([]);
    socket.write(updates(33));
    await closed(socket);
    const error = await failure();
    expect(error).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert: 47, reason: 'TOO_MANY_KEY_UPDATES' });
  });

  it('sends records full of key updates: it is closed at the first, and no keys are derived', async () => {
    const { socket, writer } = await takenOver(port);
    const update = Buffer.of(24, 0, 0, 1, 0);
    socket.write(writer.record(22, Buffer.concat(Array.from({ length: 3276 }, () => update))));
    await closed(socket);
    const error = await failure();
    expect(error).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert: 10, reason: 'NOT_ON_RECORD_BOUNDARY' });
  });

  async function failure(): Promise<{ code: string; message: string }> {
    await when(
      'its failure',
      () => errors,
      ({ length }) => length > 0,
    );
    const [error] = errors;
    if (!error) throw new Error('there is none');
    return error;
  }
});

/** A connection whose handshake a node:tls client made, and whose client side is ours from then on. */
async function takenOver(port: number): Promise<{ socket: Socket; writer: Tls13Writer }> {
  const upstream = raw(port);
  let flightsSeen = 0;
  const proxy = createTcpServer((client) => {
    client.on('error', () => undefined);
    client.on('data', (flight: Buffer) => {
      upstream.write(flight);
      if (++flightsSeen === 2) client.destroy();
    });
    upstream.on('data', (flight: Buffer) => client.destroyed || client.write(flight));
  });
  const tls = connectTls({
    port: await listen(proxy),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
  });
  let secret = '';
  tls.on('error', () => undefined);
  tls.on('keylog', (line: Buffer) => {
    secret = /^CLIENT_TRAFFIC_SECRET_0 \w+ (\w+)/.exec(line.toString())?.[1] ?? secret;
  });
  if (!tls.destroyed) await new Promise((resolve) => tls.once('close', resolve));
  upstream.removeAllListeners('data');
  tls.destroy();
  proxy.close();
  return { socket: upstream, writer: new Tls13Writer(Buffer.from(secret, 'hex')) };
}

/** Writes for as long as the other side lets it. Returns how many bytes it has taken. */
function pour(socket: Socket, chunk: Buffer): () => number {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk)) continue;
  };
  socket.on('drain', more);
  more();
  return () => socket.bytesWritten;
}

/** What a node:tls client sends in a handshake: its hello, and all that follows the server's flight. */
async function flights(port: number, version: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  const proxy = createTcpServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => {
      parts.push(chunk);
      upstream.write(chunk);
    });
    upstream.pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.on('close', () => upstream.destroy());
  });
  const client = connectTls({
    port: await listen(proxy),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  });
  await once(client, 'secureConnect');
  if (version === 'TLSv1.3') {
    await when(
      "the client's second flight",
      () => parts.length,
      (count) => count === 2,
    );
  }
  client.destroy();
  await close(proxy);
  return parts;
}
