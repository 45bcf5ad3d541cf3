import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import {
  BlockList,
  connect as connectNet,
  createServer as createNetServer,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect } from 'chai';
import {
  attach,
  createServer,
  diagnostics,
  LocalKeySigner,
  SignaturesLimitedError,
  type TlsConnectionError,
  type TlsServerOptions,
  type TlsSocket,
} from '../../lib/index.ts';
import { secureHttpServer } from '../../lib/tls/server/secure-http-server.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen, next, readAll } from '../fixtures/peers.ts';
import { binary, binary4, line, local, tlv } from '../fixtures/proxy-headers.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const options: TlsServerOptions = {
  cert,
  signer: new LocalKeySigner({ key }),
  proxyProtocol: { from: ['127.0.0.0/8'] },
};

const opened: Socket[] = [];

async function openTcp(port: number): Promise<Socket> {
  const socket = connectNet(port, '127.0.0.1');
  opened.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** A client whose balancer sends `header` before its first byte. */
async function connectBehind(port: number, header: string | Buffer): Promise<TLSSocket> {
  const socket = await openTcp(port);
  socket.write(header);
  return connectTls({ socket, servername: 'localhost', rejectUnauthorized: false });
}

/** What an https server answers to a client behind a balancer. */
async function answerTo(port: number, header: string | Buffer): Promise<string> {
  const client = await connectBehind(port, header);
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  return (await readAll(client)).toString().split('\r\n\r\n')[1] ?? '';
}

describe('proxyProtocol', () => {
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
  });
  const kept = keptServers(); // after the sockets: a server closes when they have

  async function failureOf(server: Server, bytes: string | Buffer): Promise<TlsConnectionError> {
    const socket = await openTcp(await listen(kept(server)));
    const failed = next<TlsConnectionError>(server, 'tlsClientError');
    const received = readAll(socket);
    if (bytes.length > 0) socket.write(bytes);
    const error = await failed;
    expect(await received, 'the server sends no byte').to.deep.equal(Buffer.alloc(0));
    return error;
  }

  it('gives a socket the addresses of the client, and the facts of the header', async () => {
    const server = kept(createServer(options));
    const port = await listen(server);
    const secure = next<TlsSocket>(server, 'secureConnection');
    const tls = Buffer.concat([Buffer.from([7, 0, 0, 0, 0]), tlv(0x21, 'TLSv1.3'), tlv(0x22, 'a client')]);
    const header = binary4(
      ...[tlv(0x01, 'h2'), tlv(0x02, 'example.com'), tlv(0x05, 'id'), tlv(0x20, tls), tlv(0x30, 'blue')],
      ...[tlv(0xea, '\x01vpce-08d2bf15fac5001c9'), tlv(0xe0, 'own')],
    );
    const client = await connectBehind(port, header);
    const socket = await secure;
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = socket;
    expect({ remoteAddress, remotePort, remoteFamily }).to.deep.equal({
      ...{ remoteAddress: '192.0.2.7', remotePort: 56324, remoteFamily: 'IPv4' },
    });
    expect({ localAddress, localPort, localFamily }).to.deep.equal({
      ...{ localAddress: '198.51.100.9', localPort: 443, localFamily: 'IPv4' },
    });
    expect(socket.address()).to.deep.equal({ address: '198.51.100.9', port: 443, family: 'IPv4' });
    const { tlvs, ...facts } = socket.proxyProtocol ?? expect.fail('there is no header');
    expect(facts).to.deep.equal({
      ...{ version: 2, command: 'PROXY', protocol: 'TCP4' },
      source: { address: '192.0.2.7', port: 56324 },
      destination: { address: '198.51.100.9', port: 443 },
      balancer: { address: '127.0.0.1', port: client.localPort },
      ...{ alpnProtocol: 'h2', authority: 'example.com', networkNamespace: 'blue' },
      ...{ uniqueId: Buffer.from('id'), vpcEndpointId: 'vpce-08d2bf15fac5001c9' },
      tls: {
        ...{ version: 'TLSv1.3', cipher: undefined, commonName: 'a client' },
        ...{ signatureAlgorithm: undefined, keyAlgorithm: undefined },
        ...{ encrypted: true, hasCertificate: true, verified: true },
      },
    });
    expect(tlvs.at(-1)).to.deep.equal({ type: 0xe0, value: Buffer.from('own') });
    client.destroy();
  });

  it('is undefined on a socket without a header, which has its own addresses', async () => {
    const server = kept(
      createServer({ ...options, proxyProtocol: { from: ['127.0.0.1'], required: false } }),
    );
    const port = await listen(server);
    const secure = next<TlsSocket>(server, 'secureConnection');
    const client = await connectBehind(port, '');
    const socket = await secure;
    expect(socket.proxyProtocol).to.equal(undefined);
    expect(socket.remotePort).to.equal(client.localPort);
    client.destroy();
  });

  it('keeps the addresses of the balancer for UNKNOWN, UNSPEC and LOCAL', async () => {
    const server = kept(createServer(options));
    const port = await listen(server);
    for (const header of ['PROXY UNKNOWN\r\n', binary(1, 0, Buffer.alloc(0)), local]) {
      const secure = next<TlsSocket>(server, 'secureConnection');
      const client = await connectBehind(port, header);
      const { remoteAddress, remotePort, proxyProtocol } = await secure;
      expect([remoteAddress, remotePort]).to.deep.equal(['127.0.0.1', client.localPort]);
      expect(proxyProtocol).to.include({ protocol: 'UNKNOWN', source: undefined });
      expect(proxyProtocol?.command).to.equal(header === local ? 'LOCAL' : 'PROXY');
      client.destroy();
    }
  });

  it('accepts a client over a Unix socket of the balancer, by the paths that it names', async () => {
    const server = kept(createServer(options));
    const port = await listen(server);
    const secure = next<TlsSocket>(server, 'secureConnection');
    const path = Buffer.alloc(108);
    path.write('/run/clïent.sock');
    const client = await connectBehind(port, binary(1, 0x31, Buffer.concat([path, Buffer.alloc(108)])));
    const { remoteAddress, proxyProtocol } = await secure;
    expect(remoteAddress).to.equal(undefined);
    expect(proxyProtocol?.source).to.deep.equal({ address: '/run/clïent.sock', port: undefined });
    client.destroy();
  });

  it("trusts connections without an address as 'unix', and no others then", async () => {
    const path = join(tmpdir(), `s2n-pkey-proxy-${process.pid}.sock`);
    const server = kept(createServer({ ...options, proxyProtocol: { from: ['unix'] } }));
    server.listen(path);
    await once(server, 'listening');
    try {
      const secure = next<TlsSocket>(server, 'secureConnection');
      const socket = connectNet(path);
      socket.write(line);
      const client = connectTls({ socket, servername: 'localhost', rejectUnauthorized: false });
      expect((await secure).remoteAddress).to.equal('192.0.2.7');
      expect((await secure).proxyProtocol?.balancer).to.equal(undefined);
      client.destroy();
    } finally {
      rmSync(path, { force: true });
    }
    const elsewhere = createServer({ ...options, proxyProtocol: { from: ['unix'] } });
    expect(await failureOf(elsewhere, '')).to.include({ reason: 'PROXY_PROTOCOL_NOT_ALLOWED' });
  });

  it('works on https, http2, a plain http server of register, and net servers that pass streams on', async () => {
    const tell = (
      req: { socket: { remoteAddress?: string | undefined } },
      res: { end(text: string): void },
    ): void => res.end(String(req.socket.remoteAddress));
    const https = kept(attach(createHttpsServer(tell), options));
    expect(await answerTo(await listen(https), line)).to.equal('192.0.2.7');

    const http = kept(createHttpServer(tell));
    secureHttpServer(http, options);
    expect(await answerTo(await listen(http), binary4())).to.equal('192.0.2.7');

    const http2 = kept(attach(createSecureServer({}, tell), options));
    const port = await listen(http2);
    const socket = await openTcp(port);
    socket.write(line);
    const session = connectHttp2('https://localhost', {
      createConnection: () =>
        connectTls({ socket, ALPNProtocols: ['h2'], servername: 'localhost', rejectUnauthorized: false }),
    });
    expect((await readAll(session.request())).toString()).to.equal('192.0.2.7');
    session.destroy();

    const behind = attach(createHttpsServer(tell), options);
    const front = kept(createNetServer((stream) => behind.emit('connection', stream)));
    expect(await answerTo(await listen(front), line)).to.equal('192.0.2.7');
  });

  it('trusts a stream without a descriptor by the address that it names', async () => {
    for (const [remoteAddress, isTrusted] of [
      ['127.0.0.1', true],
      ['203.0.113.1', false],
    ] as const) {
      const server = createServer(options);
      const end = isTrusted
        ? next<TlsSocket>(server, 'secureConnection').then(({ remoteAddress: address }) => address)
        : next<TlsConnectionError>(server, 'tlsClientError').then(({ reason }) => reason);
      const front = kept(
        createNetServer((stream) => {
          const duplex = new Duplex({
            read: () => undefined,
            write: (chunk: Buffer, encoding, callback) => stream.write(chunk, encoding, callback),
            destroy: (error, callback) => callback(stream.destroy() && error),
          });
          stream.on('data', (chunk: Buffer) => duplex.push(chunk));
          stream.on('error', () => undefined);
          stream.on('end', () => duplex.push(null));
          server.emit('connection', Object.assign(duplex, { remoteAddress, remotePort: 1 }));
        }),
      );
      const client = await connectBehind(await listen(front), line);
      client.on('error', () => undefined);
      expect(await end).to.equal(isTrusted ? '192.0.2.7' : 'PROXY_PROTOCOL_NOT_ALLOWED');
      client.destroy();
    }
  });

  const refused: readonly (readonly [string, string | Buffer, string])[] = [
    ['TLS without a header', Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), 'MISSING'],
    ['HTTP without TLS', 'GET / HTTP/1.1\r\n\r\n', 'MISSING'],
    ['a line that is malformed', 'PROXY TCP4 localhost 198.51.100.9 1 2\r\n', 'MALFORMED'],
    ['a line without an end', `PROXY TCP4 ${'1'.repeat(200)}`, 'TOO_LONG'],
    ['a header that announces too much', binary(1, 0x11, Buffer.alloc(5000)), 'TOO_LONG'],
    ['TLVs that do not fit', binary4(Buffer.from([1, 0, 9])), 'MALFORMED'],
    ['a wrong checksum', binary4(tlv(3, 'abcd')), 'CHECKSUM'],
  ];
  for (const [what, bytes, reason] of refused) {
    it(`refuses ${what}: ERR_S2N_PKEY_PROXY_PROTOCOL, PROXY_PROTOCOL_${reason}`, async () => {
      const error = await failureOf(createServer(options), bytes);
      expect(error.code).to.equal('ERR_S2N_PKEY_PROXY_PROTOCOL');
      expect(error.reason).to.equal(`PROXY_PROTOCOL_${reason}`);
      await when(
        'descriptors',
        () => diagnostics().handshaking,
        (handshaking) => handshaking === 0,
      );
    });
  }

  it('takes the checks of a balancer for no error, no handshake and no connection', async () => {
    const server = kept(createServer(options));
    const seen: unknown[] = [];
    const note = (message: unknown): unknown => seen.push(message);
    server.on('tlsClientError', note);
    subscribe('s2n-pkey:handshake:start', note);
    try {
      const port = await listen(server);
      for (const header of ['', 'PROXY UNKNOWN\r\n', local]) {
        for (const end of ['end', 'resetAndDestroy'] as const) {
          const socket = await openTcp(port);
          if (header !== '') await new Promise((resolve) => socket.write(header, resolve));
          await when(
            'the engine',
            () => diagnostics().handshaking,
            (handshaking) => handshaking === 1,
          );
          socket[end]();
          socket.resume();
          await when(
            'the engine',
            () => diagnostics().handshaking,
            (handshaking) => handshaking === 0,
          );
        }
      }
      const connections = (): Promise<number> =>
        new Promise((resolve, reject) =>
          server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        );
      await when('connections', connections, (count) => count === 0);
      expect(seen).to.deep.equal([]);
    } finally {
      unsubscribe('s2n-pkey:handshake:start', note);
    }
  });

  it('applies blockList to the client, not to the balancer, before it gets a byte', async () => {
    const blockList = new BlockList();
    blockList.addAddress('192.0.2.7');
    const server = kept(Object.assign(createServer(options), { blockList }));
    const port = await listen(server);
    const dropped = next<{ remoteAddress: string }>(server, 'drop');
    const socket = await openTcp(port);
    const received = readAll(socket);
    socket.write(line);
    socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
    expect(await dropped).to.include({ remoteAddress: '192.0.2.7', remotePort: 56324, localPort: 443 });
    expect(await received).to.deep.equal(Buffer.alloc(0));

    blockList.addAddress('127.0.0.1');
    const secure = next<TlsSocket>(server, 'secureConnection');
    const client = await connectBehind(port, line.replace('192.0.2.7', '192.0.2.8'));
    expect((await secure).remoteAddress).to.equal('192.0.2.8');
    client.destroy();
  });

  it('counts signatureLimits by the network of the client', async () => {
    const signer = new AsynchronousSigner(key);
    const limits = { perAddress: { perSecond: 0.001, burst: 1 } };
    const server = kept(createServer({ ...options, signer, signatureLimits: limits }));
    const port = await listen(server);
    const first = await connectBehind(port, line);
    await once(first, 'secureConnect');
    const failed = next<unknown>(server, 'tlsClientError');
    const second = await connectBehind(port, line);
    second.on('error', () => undefined);
    const error = await failed;
    expect(error).to.be.instanceOf(SignaturesLimitedError).with.property('addressPrefix', '192.0.2.7');
    const other = await connectBehind(port, line.replace('192.0.2.7', '192.0.2.8'));
    await once(other, 'secureConnect');
    for (const client of [first, second, other]) client.destroy();
  });

  it("tells the channel of handshakes the client's address and the balancer's", async () => {
    const server = kept(createServer(options));
    const port = await listen(server);
    const ended = new Promise<object>((resolve) => {
      const note = (message: unknown): void => {
        unsubscribe('s2n-pkey:handshake:end', note);
        resolve(message as object);
      };
      subscribe('s2n-pkey:handshake:end', note);
    });
    const client = await connectBehind(port, line);
    expect(await ended).to.include({
      ...{ outcome: 'ok', remoteAddress: '192.0.2.7', remotePort: 56324 },
      ...{ localAddress: '198.51.100.9', proxyAddress: '127.0.0.1', proxyPort: client.localPort },
    });
    client.destroy();
  });

  const wrong: readonly (readonly [unknown, string])[] = [
    [true, 'proxyProtocol: expected an object'],
    [{}, 'proxyProtocol.from: expected a list'],
    [{ from: [] }, 'proxyProtocol.from: expected a list'],
    [{ from: '10.0.0.0/8' }, 'proxyProtocol.from: expected a list'],
    [{ from: ['10.0.0.0/33'] }, 'proxyProtocol.from[0]: expected an address'],
    [{ from: ['127.0.0.1', 'balancer.example'] }, 'proxyProtocol.from[1]: expected an address'],
    [{ from: ['10.0.0.1/8'] }, 'proxyProtocol.from[0]: expected no address bits beyond the first 8'],
    [{ from: ['2001:db8::1/32'] }, 'proxyProtocol.from[0]: expected no address bits beyond the first 32'],
    [{ from: ['fe80::1%eth0'] }, 'proxyProtocol.from[0]: expected an address'],
    [{ from: ['unix'], required: 'yes' }, 'proxyProtocol.required: expected true or false'],
    [{ from: ['unix'], require: true }, 'proxyProtocol.require: expected'],
  ];
  for (const [proxyProtocol, message] of wrong) {
    it(`refuses ${JSON.stringify(proxyProtocol)}, by name`, () => {
      const given = { ...options, proxyProtocol } as TlsServerOptions;
      expect(() => createServer(given))
        .to.throw()
        .with.property('message')
        .that.contains(message);
    });
  }

  it('takes every form of network', () => {
    const from = [
      'unix',
      '10.0.0.0/8',
      '192.0.2.7',
      '0.0.0.0/0',
      '::/0',
      '2001:db8::/32',
      '2001:db8::1',
      '::1/128',
    ];
    expect(() =>
      createServer({ ...options, proxyProtocol: { from: [...from, '::ffff:10.0.0.0/104'] } }),
    ).not.to.throw();
  });
});
