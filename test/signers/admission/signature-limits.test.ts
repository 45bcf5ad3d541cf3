import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import {
  attach,
  createServer,
  InvalidOptionError,
  KmsSigner,
  SignatureAdmission,
  SignaturesLimitedError,
  createSelfSignedCertificate,
  type TlsServer,
  type TlsServerOptions,
  type TlsSocket,
} from '../../../lib/index.ts';
import { HoldingSigner } from '../../fixtures/holding-signer.ts';
import { identity } from '../../fixtures/identity.ts';
import { close, connectTls, listen, next } from '../../fixtures/peers.ts';
import { withoutAwsConfiguration } from '../kms/aws-environment.ts';
import { createKey, runningKms } from '../../local-kms/running-kms.ts';
import { when } from '../../fixtures/when.ts';

const { key, cert } = identity('P-256');

/** 'served' once the handshake is done, or the code of what the client is told. */
function outcomeOf(
  port: number,
  localAddress = '127.0.0.1',
): { socket: TLSSocket; outcome: Promise<string> } {
  const tcp = { port, host: '127.0.0.1', localAddress };
  // In TLS 1.2 a client knows that its handshake is done only when the server does.
  const socket = connect({ ...tcp, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  const outcome = new Promise<string>((resolve) => {
    socket.once('secureConnect', () => resolve('served'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  return { socket, outcome };
}

const internalErrorAlert = 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR';

describe('signatureLimits', function () {
  this.timeout(120_000);
  let server: TlsServer;
  let signer: HoldingSigner;
  let admission: SignatureAdmission;
  let failures: Error[];
  const sockets = new Set<TlsSocket>();

  async function serve(limits: ConstructorParameters<typeof SignatureAdmission>[0]): Promise<number> {
    signer = new HoldingSigner(key);
    admission = new SignatureAdmission(limits);
    failures = [];
    server = createServer({ cert, signer, signatureLimits: admission }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).pipe(socket);
    });
    server.on('tlsClientError', (error: Error) => failures.push(error));
    return await listen(server);
  }

  /** Waits for handshakes to have failed, all with the limit's code. */
  async function limited(count: number): Promise<SignaturesLimitedError[]> {
    await when(
      `${count} failures`,
      () => failures,
      ({ length }) => length >= count,
    );
    const refusals = failures.filter((error) => error instanceof SignaturesLimitedError);
    expect(refusals).to.deep.equal(failures);
    return refusals;
  }

  async function queued(count: number): Promise<void> {
    await when(
      `a queue of ${count}`,
      () => admission.queued,
      (now) => now === count,
    );
  }

  afterEach(async () => {
    signer.releaseAll();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    if (server.listening) await close(server);
  });

  it('refuses at once what exceeds it of a thousand clients, serves the others, and does not disturb open connections', async () => {
    const port = await serve({
      perSecond: Infinity,
      inFlight: 20,
      queue: 100,
      queueTimeout: 600_000,
      perAddress: false,
    });
    const early = connectTls(port);
    await signer.holds(1);
    signer.release();
    const open = await early;

    const clients = Array.from({ length: 1000 }, () => outcomeOf(port));
    const refusals = await limited(880);
    // Not one signature has come yet: the refused did not wait for anything.
    expect([signer.held, admission.queued]).to.deep.equal([20, 100]);
    expect(new Set(refusals.map(({ limit }) => limit))).to.deep.equal(new Set(['queue']));
    open.write('still here?');
    expect(String(await next<Buffer>(open, 'data'))).to.equal('still here?');

    signer.releaseAll();
    const outcomes = await Promise.all(clients.map(({ outcome }) => outcome));
    expect(outcomes.filter((outcome) => outcome === 'served')).to.have.lengthOf(120);
    expect(outcomes.filter((outcome) => outcome === internalErrorAlert)).to.have.lengthOf(880);
    expect(failures).to.have.lengthOf(880);
    expect(signer.operations).to.have.lengthOf(121);
    expect([admission.inFlight, admission.queued, admission.refused]).to.deep.equal([0, 0, 880]);
    open.write('and now?');
    expect(String(await next<Buffer>(open, 'data'))).to.equal('and now?');
    for (const { socket } of clients) socket.destroy();
    open.destroy();
  });

  it('gives the next turn to another address than the one that floods', async () => {
    const port = await serve({
      perSecond: Infinity,
      inFlight: 1,
      queue: 20,
      queueTimeout: 600_000,
      perAddress: false,
    });
    const flood = Array.from({ length: 60 }, () => outcomeOf(port, '127.0.0.2'));
    await limited(39);
    const other = outcomeOf(port, '127.0.0.3');
    const refusals = await limited(40); // One of the flood has given way.
    expect(new Set(refusals.map(({ addressPrefix }) => addressPrefix))).to.deep.equal(new Set(['127.0.0.2']));
    expect(admission.queued).to.equal(20);
    // Before it stand the one that is being signed for, and one turn of the flood's.
    signer.release();
    await signer.holds(1);
    signer.release();
    await signer.holds(1);
    signer.release();
    expect(await other.outcome).to.equal('served');
    expect(admission.queued).to.be.at.least(17);
    for (const { socket } of [...flood, other]) socket.destroy();
  });

  it('keeps one address from buying it all', async () => {
    const port = await serve({ queueTimeout: 500, perAddress: { perSecond: 1, burst: 3 } });
    signer.releaseAll();
    const flood = Array.from({ length: 20 }, () => outcomeOf(port, '127.0.0.2'));
    const outcomes = await Promise.all(flood.map(({ outcome }) => outcome));
    expect(outcomes.filter((outcome) => outcome === 'served').length).to.be.within(3, 19);
    const [refusal] = await limited(1);
    expect(refusal).to.include({ limit: 'perAddress.perSecond', addressPrefix: '127.0.0.2' });
    const other = outcomeOf(port, '127.0.0.3');
    expect(await other.outcome).to.equal('served');
    for (const { socket } of [...flood, other]) socket.destroy();
  });

  it('gives up the place of a client that goes', async () => {
    const port = await serve({ perSecond: Infinity, inFlight: 1, queueTimeout: 600_000 });
    const first = outcomeOf(port);
    await signer.holds(1);
    const gone = outcomeOf(port);
    await queued(1);
    const failed = once(server, 'tlsClientError');
    gone.socket.destroy();
    const [error] = (await failed) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNRESET');
    expect([admission.queued, admission.abandoned, admission.inFlight]).to.deep.equal([0, 1, 1]);
    signer.release();
    expect(await first.outcome).to.equal('served');
    expect(signer.operations).to.have.lengthOf(1);
    first.socket.destroy();
  });

  it('counts a signature as under way until it is made, whether its client has gone or not', async () => {
    const port = await serve({ perSecond: Infinity, inFlight: 1, queueTimeout: 600_000 });
    const gone = outcomeOf(port);
    await signer.holds(1);
    const waiting = outcomeOf(port);
    await queued(1);
    const failed = once(server, 'tlsClientError');
    gone.socket.destroy();
    await failed;
    expect([admission.queued, admission.inFlight]).to.deep.equal([1, 1]);
    signer.release();
    await signer.holds(1);
    signer.releaseAll();
    expect(await waiting.outcome).to.equal('served');
    expect(signer.operations).to.have.lengthOf(2);
    waiting.socket.destroy();
  });

  it('refuses a handshake whose turn does not come in time', async () => {
    const port = await serve({ perSecond: Infinity, inFlight: 1, queueTimeout: 50 });
    const first = outcomeOf(port);
    await signer.holds(1);
    const second = outcomeOf(port);
    const [refusal] = await limited(1);
    expect(refusal).to.include({ limit: 'queueTimeout', code: 'ERR_S2N_PKEY_SIGNATURES_LIMITED' });
    expect(await second.outcome).to.equal(internalErrorAlert);
    signer.release();
    expect(await first.outcome).to.equal('served');
    first.socket.destroy();
  });

  it('limits the connections of an attached server, too', async () => {
    signer = new HoldingSigner(key);
    const https = createHttpsServer((_, response) => response.end('hello'));
    server = attach(https, {
      cert,
      signer,
      signatureLimits: { inFlight: 1, queue: 0 },
    }) as unknown as TlsServer;
    const port = await listen(https);
    const first = outcomeOf(port);
    await signer.holds(1);
    const second = outcomeOf(port);
    const error = await next<SignaturesLimitedError>(https, 'tlsClientError');
    expect(error).to.include({ code: 'ERR_S2N_PKEY_SIGNATURES_LIMITED', limit: 'inFlight' });
    expect(await second.outcome).to.equal(internalErrorAlert);
    signer.releaseAll();
    expect(await first.outcome).to.equal('served');
    first.socket.destroy();
  });

  it('names what it does not understand', () => {
    signer = new HoldingSigner(key);
    server = createServer({ cert, signer });
    const wrong: [unknown, string][] = [
      [true, 'signatureLimits'],
      [{ perSecond: 0 }, 'signatureLimits.perSecond'],
      [{ inFlight: 1.5 }, 'signatureLimits.inFlight'],
      [{ queue: -1 }, 'signatureLimits.queue'],
      [{ queueTimeout: 0 }, 'signatureLimits.queueTimeout'],
      [{ rate: 5 }, 'signatureLimits.rate'],
      [{ perAddress: true }, 'signatureLimits.perAddress'],
      [{ perAddress: { burst: 0 } }, 'signatureLimits.perAddress.burst'],
      [{ perAddress: { ipv4Prefix: 33 } }, 'signatureLimits.perAddress.ipv4Prefix'],
      [{ perAddress: { ipv6Prefix: 129 } }, 'signatureLimits.perAddress.ipv6Prefix'],
    ];
    for (const [signatureLimits, option] of wrong) {
      const options = { cert, signer, signatureLimits } as TlsServerOptions;
      expect(() => createServer(options), option)
        .to.throw(InvalidOptionError)
        .with.property('option', option);
    }
  });

  describe('of a KmsSigner', () => {
    withoutAwsConfiguration();
    const running = runningKms();

    it('are under the quota of KMS unless given, for all servers that share the signer', async () => {
      signer = new HoldingSigner(key);
      const { kms, client } = running();
      const { arn } = await createKey(client, 'ECC_NIST_P256');
      const kmsSigner = await KmsSigner.open({ keyId: arn, ...kms.clientOptions });
      const kmsCert = await createSelfSignedCertificate({ signer: kmsSigner, subject: { CN: 'localhost' } });
      server = createServer({ cert: kmsCert, signer: kmsSigner });
      const other = createServer({ cert: kmsCert, signer: kmsSigner });
      const shared = SignatureAdmission.of(kmsSigner);
      expect(shared?.limits).to.deep.include({ perSecond: 800, burst: 200, inFlight: 256, queue: 1000 });
      expect(shared?.limits.perAddress).to.deep.equal({ perSecond: 400, burst: 100, inFlight: 128 });
      for (const one of [server, other]) (await connectTls(await listen(one))).destroy();
      expect(shared?.admitted).to.equal(2);
      await close(other);
      const unlimited = createServer({ cert: kmsCert, signer: kmsSigner, signatureLimits: false });
      (await connectTls(await listen(unlimited))).destroy();
      expect(shared?.admitted).to.equal(2);
      await close(unlimited);
      kmsSigner.close();
    });
  });
});
