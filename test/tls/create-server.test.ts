import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { TlsConnectionError } from '../../lib/index.ts';
import {
  createServer,
  diagnostics,
  LocalKeySigner,
  type EngineDiagnostics,
  type TlsServer,
  type TlsSocket,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');

describe('createServer', () => {
  let server: TlsServer;

  afterEach(async () => {
    if (server.listening) await close(server);
  });

  it('completes handshakes whose signature comes from JavaScript', async () => {
    const signer = new AsynchronousSigner(key);
    server = createServer({ cert, signer }, (socket) => socket.pipe(socket));
    const client = await connectTls(await listen(server));
    client.end('hello');
    expect((await readAll(client)).toString()).to.equal('hello');
    expect(signer.operations).to.have.lengthOf(1);
    const [operation] = signer.operations;
    expect(operation?.scheme).to.equal('ecdsa_secp256r1_sha256');
    expect(operation?.inputKind).to.equal('digest');
    expect(operation?.input).to.have.lengthOf(32);
  });

  it('signs with a LocalKeySigner without asking JavaScript', async () => {
    server = createServer({ cert, signer: new LocalKeySigner({ key }) }, (socket) => socket.end('hi'));
    const client = await connectTls(await listen(server));
    expect((await readAll(client)).toString()).to.equal('hi');
  });

  it('reports the same about the connection as node:tls', async () => {
    server = createServer({ cert, signer: new AsynchronousSigner(key), ALPNProtocols: ['h2', 'echo/1'] });
    const port = await listen(server);
    const secure = next<TlsSocket>(server, 'secureConnection');
    const client = await connectTls(port, { ALPNProtocols: ['echo/1'], maxVersion: 'TLSv1.2' });
    const socket = await secure;
    expect(socket.encrypted).to.equal(true);
    expect(socket.authorized).to.equal(false);
    expect(socket.alpnProtocol).to.equal('echo/1');
    expect(socket.servername).to.equal('localhost');
    expect(socket.getProtocol()).to.equal('TLSv1.2').and.to.equal(client.getProtocol());
    expect(socket.getCipher()?.name).to.equal(client.getCipher().name);
    expect(socket.getCipher()?.standardName).to.equal(client.getCipher().standardName);
    expect(socket.keyExchangeGroup).to.be.oneOf(['x25519', 'secp256r1']);
    expect(socket.isSessionReused()).to.equal(false);
    expect(socket.remoteAddress).to.equal('127.0.0.1');
    expect(socket.remotePort).to.equal(client.localPort);
    expect(socket.remoteFamily).to.equal('IPv4');
    expect(socket.localAddress).to.equal('127.0.0.1');
    expect(socket.localPort).to.equal(port);
    expect(socket.address()).to.deep.equal({ address: '127.0.0.1', port, family: 'IPv4' });
    client.destroy();
    await once(socket, 'close');
  });

  it('counts connections as net.Server does: getConnections, maxConnections, drop, close', async () => {
    server = createServer({ cert, signer: new AsynchronousSigner(key) }, (socket) => socket.resume());
    server.maxConnections = 1;
    const port = await listen(server);
    const secure = next<TlsSocket>(server, 'secureConnection');
    const client = await connectTls(port);
    const socket = await secure;
    expect(await countConnections(server)).to.equal(1);
    const dropped = once(server, 'drop');
    const refused = connectTcp(port, '127.0.0.1');
    refused.on('error', () => undefined);
    await dropped;
    refused.destroy();
    const order: string[] = [];
    socket.on('end', () => order.push('the connection ended'));
    const closed = close(server).then(() => order.push('the server closed'));
    client.end();
    await closed;
    expect(order).to.deep.equal(['the connection ended', 'the server closed']);
  });

  it('leaves nothing in the engine when connections have come and gone', async () => {
    server = createServer({ cert, signer: new AsynchronousSigner(key) }, (socket) => socket.end('x'));
    const port = await listen(server);
    await Promise.all(Array.from({ length: 20 }, async () => readAll(await connectTls(port))));
    await close(server);
    const { open, handshaking, awaitingSignature, lingering, descriptors, silent } = await settled();
    const held = descriptors - silent; // of this test
    expect({ open, handshaking, awaitingSignature, lingering, held }).to.deep.equal({
      open: 0,
      handshaking: 0,
      awaitingSignature: 0,
      lingering: 0,
      held: 0,
    });
  });
});

describe('createServer, when a handshake fails', () => {
  let server: TlsServer;

  afterEach(async () => {
    await close(server);
  });

  async function failure(): Promise<{ error: TlsConnectionError; socket: TlsSocket }> {
    const [error, socket] = (await once(server, 'tlsClientError')) as [TlsConnectionError, TlsSocket];
    return { error, socket };
  }

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`exposes addresses, SNI and ALPN of a destroyed socket, over ${maxVersion}`, async () => {
      const signer = new AsynchronousSigner(key, throwing);
      server = createServer({ cert, signer, ALPNProtocols: ['h2', 'http/1.1'] });
      const port = await listen(server);
      const failed = failure();
      const offer = { servername: 'localhost', ALPNProtocols: ['http/1.1'], maxVersion };
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...offer });
      client.on('error', () => undefined);
      const { socket } = await failed;
      const { destroyed, servername, alpnProtocol, remoteAddress, localPort } = socket;
      expect({ destroyed, servername, alpnProtocol, remoteAddress, localPort }).to.deep.equal({
        destroyed: true,
        servername: 'localhost',
        alpnProtocol: 'http/1.1',
        remoteAddress: '127.0.0.1',
        localPort: port,
      });
      client.destroy();
    });
  }

  const badAnswers: [string, () => unknown, string][] = [
    ['throws', throwing, 'ERR_S2N_PKEY_SIGNER'],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['rejects with nothing', () => Promise.reject(), 'ERR_S2N_PKEY_SIGNER'],
    ['resolves with a string', () => Promise.resolve('signature'), 'ERR_S2N_PKEY_SIGNER'],
    ['resolves with no bytes', () => Promise.resolve(new Uint8Array(0)), 'ERR_S2N_PKEY_SIGNER'],
    ['returns no Promise', () => undefined, 'ERR_S2N_PKEY_SIGNER'],
    ['gives wrong bytes', () => Promise.resolve(new Uint8Array(70)), 'ERR_S2N_PKEY_SIGNATURE_INVALID'],
    ['gives far too many', () => Promise.resolve(new Uint8Array(1e6)), 'ERR_S2N_PKEY_SIGNATURE_INVALID'],
  ];
  for (const [what, answer, code] of badAnswers) {
    it(`says so by a code when the signer ${what}, and stays in service`, async () => {
      let bad = true;
      const signer: AsynchronousSigner = new AsynchronousSigner(key, (operation) =>
        bad ? answer() : signer.signRightly(operation),
      );
      server = createServer({ cert, signer }, (socket) => socket.end('ok'));
      const port = await listen(server);
      const failed = failure();
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      client.on('error', () => undefined);
      const { error, socket } = await failed;
      expect(error.code).to.equal(code);
      expect(socket.destroyed).to.equal(true);
      client.destroy();
      bad = false;
      expect((await readAll(await connectTls(port))).toString()).to.equal('ok');
    });
  }

  it('ends it at handshakeTimeout when the signer never answers, and aborts the signer', async () => {
    let aborted: AbortSignal | undefined;
    const signer = new AsynchronousSigner(key, (_operation, { signal }) => {
      aborted = signal;
      return new Promise(() => undefined);
    });
    server = createServer({ cert, signer, handshakeTimeout: 100 });
    const port = await listen(server);
    // On a busy machine the time may be over before the hello has come, and the signer is not asked at all.
    const signal = await when(
      'a handshake that gets as far as the signer',
      async () => {
        const failed = failure();
        const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
        client.on('error', () => undefined);
        expect((await failed).error.code).to.equal('ERR_TLS_HANDSHAKE_TIMEOUT');
        client.destroy();
        return aborted;
      },
      (given) => given !== undefined,
    );
    expect(signal?.aborted).to.equal(true);
  });

  it('notices a client that goes while the signer works, and drops the late signature', async () => {
    let answerNow: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      server = createServer({
        cert,
        signer: new AsynchronousSigner(key, () => {
          resolve();
          return new Promise((answer) => {
            answerNow = () => {
              answer(new Uint8Array(70));
            };
          });
        }),
      });
    });
    const client = connect({ port: await listen(server), host: '127.0.0.1', rejectUnauthorized: false });
    client.on('error', () => undefined);
    const failed = failure();
    await asked;
    client.destroy();
    const { error, socket } = await failed;
    expect(error.code).to.equal('ECONNRESET');
    expect(socket.remoteAddress).to.equal('127.0.0.1');
    answerNow?.();
    await close(server);
    server = createServer({ cert, signer: new AsynchronousSigner(key) });
    await listen(server);
  });

  it('sends the alert that fits, and names it: no common protocol', async () => {
    server = createServer({ cert, signer: new AsynchronousSigner(key), ALPNProtocols: ['h2'] });
    const port = await listen(server);
    const failed = failure();
    const client: TLSSocket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    const clientError = await next<Error & { code: string }>(client, 'error');
    expect(clientError.code).to.equal('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
    const { error } = await failed;
    expect(error.code).to.equal('ERR_S2N_PKEY_PROTOCOL');
    expect(error.alert).to.equal(120);
  });

  const refusedHellos: [string, ConnectionOptions, RegExp, number][] = [
    [
      'an old protocol version',
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
      /ALERT_PROTOCOL_VERSION$/,
      70,
    ],
    [
      'no common cipher suite',
      { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' },
      /ALERT_HANDSHAKE_FAILURE$/,
      40,
    ],
  ];
  for (const [what, hello, clientCode, alert] of refusedHellos) {
    it(`sends the alert that fits, and names it: ${what}`, async () => {
      server = createServer({ cert, signer: new AsynchronousSigner(key) });
      const failed = failure();
      const client = connect({
        port: await listen(server),
        host: '127.0.0.1',
        rejectUnauthorized: false,
        ...hello,
      });
      expect((await next<Error & { code: string }>(client, 'error')).code).to.match(clientCode);
      const { error } = await failed;
      expect(error).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert });
    });
  }

  it('answers plain HTTP with 400, and garbage with a close', async () => {
    server = createServer({ cert, signer: new AsynchronousSigner(key) });
    const port = await listen(server);
    const failed = failure();
    const http = connectTcp(port, '127.0.0.1');
    http.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const answer = (await readAll(http)).toString();
    expect(answer).to.match(/^HTTP\/1\.1 400 /);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(Number(/content-length: (\d+)/i.exec(head)?.[1])).to.equal(body.length);
    expect((await failed).error.code).to.equal('ERR_S2N_PKEY_NOT_TLS');
    const garbled = failure();
    const garbage = connectTcp(port, '127.0.0.1');
    garbage.on('error', () => undefined);
    garbage.write(Buffer.alloc(100, 1));
    await once(garbage, 'close');
    expect((await garbled).error.code).to.equal('ERR_S2N_PKEY_NOT_TLS');
  });
});

function throwing(): never {
  throw new Error('no key here');
}

function countConnections(server: TlsServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

/** The engine's counts once nothing is left. */
function settled(): Promise<EngineDiagnostics> {
  return when(
    'the engine to let go of all but silent ones',
    diagnostics,
    (now) => now.descriptors === now.silent,
  );
}
