import { once } from 'node:events';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { AsyncLocalStorage } from 'node:async_hooks';
import { connect as connectTcp } from 'node:net';
import { expect } from 'chai';
import {
  connect,
  createServer,
  type HandshakeEndMessage,
  type HandshakeStartMessage,
  type SignatureEndMessage,
  type SignatureStartMessage,
  type TlsServer,
} from '../../../lib/index.ts';
import { observeHandshake } from '../../../lib/observe/channels/handshake-observation.ts';
import { AsynchronousSigner } from '../../fixtures/asynchronous-signer.ts';
import { identity } from '../../fixtures/identity.ts';
import { close, connectTls, listen, next, readAll } from '../../fixtures/peers.ts';

const { key, cert } = identity('P-256');

type Message = HandshakeStartMessage | HandshakeEndMessage | SignatureStartMessage | SignatureEndMessage;

interface Published {
  readonly name: string;
  readonly message: Message;
  /** The message as it was then: an end is added to the same object. */
  readonly copy: Partial<HandshakeEndMessage & SignatureEndMessage>;
}

const names = ['handshake:start', 'handshake:end', 'signature:start', 'signature:end'];

describe('The channels of a handshake', () => {
  let server: TlsServer;
  let port: number;
  let signer: AsynchronousSigner;
  let published: Published[] = [];
  let refusal: Error | undefined;

  const listener = (message: unknown, name: string | symbol): void => {
    published.push({
      name: String(name).slice('s2n-pkey:'.length),
      message: message as Message,
      copy: { ...(message as object) },
    });
  };
  const listening = (): void => {
    for (const name of names) subscribe(`s2n-pkey:${name}`, listener);
  };
  const deaf = (): void => {
    for (const name of names) unsubscribe(`s2n-pkey:${name}`, listener);
  };
  const of = (side: string, name: string): Published[] =>
    published.filter(({ name: published, message }) => {
      const handshake = 'handshake' in message ? message.handshake : message;
      return published === name && handshake.side === side;
    });

  beforeEach(async () => {
    refusal = undefined;
    published = [];
    signer = new AsynchronousSigner(key, (operation) => {
      if (refusal) throw refusal;
      return signer.signRightly(operation);
    });
    server = createServer({ cert, signer, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => socket.end('x'));
    server.on('tlsClientError', () => undefined);
    port = await listen(server);
    listening();
  });
  afterEach(async () => {
    deaf();
    await close(server);
  });

  it('report a full handshake: its start, its signature, and what was negotiated', async () => {
    const client = await connectTls(port, { ALPNProtocols: ['h2'] });
    const { localPort } = client;
    await readAll(client);
    expect(published.map(({ name }) => name)).to.deep.equal([
      'handshake:start',
      'signature:start',
      'signature:end',
      'handshake:end',
    ]);
    const [start, signatureStart, signatureEnd, end] = published.map(({ copy }) => copy);
    expect(start).to.have.all.keys('side', 'startTime');
    expect(start?.side).to.equal('server');
    expect(Math.abs((start?.startTime ?? 0) - Date.now())).to.be.below(30_000);
    expect(signatureStart).to.include({ scheme: 'ecdsa_secp256r1_sha256' });
    expect(signatureStart?.queuedMs).to.be.at.least(0);
    expect(signatureEnd).to.include({ outcome: 'ok', error: undefined });
    expect(signatureEnd?.durationMs).to.be.above(0);
    expect(end).to.include({
      side: 'server',
      outcome: 'ok',
      error: undefined,
      resumed: false,
      protocol: 'TLSv1.3',
      signatureScheme: 'ecdsa_secp256r1_sha256',
      servername: 'localhost',
      alpnProtocol: 'h2',
      remoteAddress: '127.0.0.1',
      remotePort: localPort,
      localAddress: '127.0.0.1',
      localPort: port,
    });
    expect(end?.cipher).to.match(/^TLS_AES_/);
    expect(end?.group).to.be.a('string').and.not.empty;
    expect(end?.durationMs).to.be.at.least(signatureEnd?.durationMs ?? Infinity);
  });

  it('name a handshake by one object, from its start over its signature to its end', async () => {
    await readAll(await connectTls(port));
    const [start, signatureStart, signatureEnd, end] = published.map(({ message }) => message);
    expect(end).to.equal(start);
    expect(signatureEnd).to.equal(signatureStart);
    expect((signatureStart as SignatureStartMessage).handshake).to.equal(start);
  });

  it('report a resumed session, without a signature', async () => {
    const options = { maxVersion: 'TLSv1.2' } as const;
    const first = await connectTls(port, options);
    const session = first.getSession();
    await readAll(first);
    published = [];
    await readAll(await connectTls(port, { ...options, ...(session ? { session } : {}) }));
    expect(published.map(({ name }) => name)).to.deep.equal(['handshake:start', 'handshake:end']);
    expect(published[1]?.copy).to.include({
      resumed: true,
      protocol: 'TLSv1.2',
      signatureScheme: undefined,
    });
  });

  it('report a failed signature by its code, and the handshake that failed with it', async () => {
    refusal = Object.assign(new Error('no'), { code: 'NOPE' });
    const failed = once(server, 'tlsClientError');
    const client = connectTls(port).catch((error: unknown) => error);
    const [error] = (await failed) as [Error];
    await client;
    const ends = of('server', 'signature:end');
    expect(ends.map(({ copy }) => copy.outcome)).to.deep.equal(['ERR_S2N_PKEY_SIGNER']);
    const [end] = of('server', 'handshake:end');
    expect(end?.copy).to.include({
      outcome: 'ERR_S2N_PKEY_SIGNER',
      protocol: undefined,
      remoteAddress: '127.0.0.1',
    });
    expect(end?.copy.error).to.equal(error);
  });

  it('report a peer that does not use TLS', async () => {
    const failed = once(server, 'tlsClientError');
    connectTcp(port, '127.0.0.1')
      .on('error', () => undefined)
      .resume()
      .end('GET / HTTP/1.1\r\n\r\n');
    await failed;
    expect(of('server', 'handshake:end').map(({ copy }) => copy.outcome)).to.deep.equal([
      'ERR_S2N_PKEY_NOT_TLS',
    ]);
  });

  it("report handshakes of this package's own clients", async () => {
    const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert });
    await once(client, 'secureConnect');
    const [end] = of('client', 'handshake:end');
    expect(end?.copy).to.include({
      outcome: 'ok',
      protocol: 'TLSv1.3',
      servername: 'localhost',
      remoteAddress: '127.0.0.1',
      remotePort: port,
    });
    expect(end?.message).to.equal(of('client', 'handshake:start')[0]?.message);
    await readAll(client);
  });

  it('report a client that refused the certificate, and one that the application destroyed', async () => {
    const refused = connect({ port, host: '127.0.0.1', servername: 'localhost' });
    const error = await next<NodeJS.ErrnoException>(refused, 'error');
    expect(of('client', 'handshake:end').map(({ copy }) => copy.outcome)).to.deep.equal([error.code]);
    published = [];
    const gone = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert });
    const failed = once(server, 'tlsClientError');
    gone.once('connect', () => gone.destroy());
    await once(gone, 'close');
    await failed;
    expect(of('client', 'handshake:end').map(({ copy }) => copy.outcome)).to.deep.equal(['abandoned']);
  });

  it('run a signer in what subscribers bind to the start of its signature', async () => {
    const storage = new AsyncLocalStorage<string>();
    const start = channel('s2n-pkey:signature:start');
    let seen: string | undefined;
    signer = new AsynchronousSigner(key, async (operation) => {
      await new Promise(setImmediate);
      seen = storage.getStore();
      return await signer.signRightly(operation);
    });
    server.setSecureContext({ cert, signer });
    start.bindStore(storage, (message) => (message as SignatureStartMessage).scheme);
    try {
      await readAll(await connectTls(port));
    } finally {
      start.unbindStore(storage);
    }
    expect(seen).to.equal('ecdsa_secp256r1_sha256');
  });

  it('create and publish nothing without a subscriber', async () => {
    expect(observeHandshake('server')).not.to.equal(undefined);
    deaf();
    published = [];
    expect(observeHandshake('server')).to.equal(undefined);
    await readAll(await connectTls(port));
    expect(published).to.deep.equal([]);
  });
});
