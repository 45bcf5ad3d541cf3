import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import {
  createSelfSignedCertificate,
  createServer,
  InvalidOptionError,
  SignatureAdmission,
} from '../../../lib/index.ts';
import { kmsAttemptChannel } from '../../../lib/observe/channels/channels.ts';
import type { PrivateKeyOperation, Signer } from '../../../lib/signers/signer.ts';
import { serveSigner, type ServedSignature } from '../../../lib/signers/socket/socket-signer.ts';
import { close, listen } from '../../fixtures/peers.ts';
import { when } from '../../fixtures/when.ts';
import { localSigner } from '../../certificate/signers.ts';
import { rejectionOf } from '../rejection.ts';
import { asked, HeldSigner, hello, sockets } from './sockets.ts';

/** A signer that counts what it is asked for, and answers at once. */
class CountingSigner implements Signer {
  readonly publicKey;
  readonly schemes;
  count = 0;
  readonly #inner = localSigner('P-256');
  readonly #before: () => unknown;

  constructor(before: () => unknown = () => undefined) {
    this.publicKey = this.#inner.publicKey;
    this.schemes = this.#inner.schemes;
    this.#before = before;
  }

  async sign(operation: PrivateKeyOperation): Promise<Uint8Array> {
    this.count++;
    await this.#before();
    return await this.#inner.sign(operation);
  }
}

const limited = 'ERR_S2N_PKEY_SIGNATURES_LIMITED';

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}

describe('The limits of serveSigner', function () {
  this.timeout(60_000);
  const at = sockets();

  it('hold for all connections together, whatever those say', async () => {
    const signer = new CountingSigner();
    await at.serve({ signer, signatureLimits: { perSecond: 0.01, queue: 0 } });
    const clients = await Promise.all([at.open(), at.open(), at.open()]);
    const results = await Promise.allSettled(clients.map((client) => client.sign(asked)));
    const refused = results.flatMap((each) => (each.status === 'rejected' ? [codeOf(each.reason)] : []));
    expect(refused).to.deep.equal([limited, limited]);
    expect(signer.count).to.equal(1);
    const error = await rejectionOf(at.open().then((client) => client.sign(asked)));
    expect(error).to.have.property('message').that.includes('signatureLimits.perSecond of the process');
  });

  it('are under the quota of the signer unless given, and there are none for a LocalKeySigner', async () => {
    const limited = await at.serve({ signer: new CountingSigner() });
    const client = await at.open();
    expect(client.quota).to.deep.equal({ perSecond: 1000, inFlight: 128, perProcess: true });
    client.close();
    await limited.close();
    await at.serve({ signer: localSigner('P-256') });
    expect((await at.open()).quota).to.equal(undefined);
  });

  it('are told to clients, whose servers limit themselves by them', async () => {
    await at.serve({ signer: new CountingSigner(), signatureLimits: { perSecond: 40, inFlight: 10 } });
    const client = await at.open();
    expect(client.quota).to.deep.equal({ perSecond: 50, inFlight: 5, perProcess: true });
    expect(SignatureAdmission.of(client)?.limits).to.deep.include({ perSecond: 40, inFlight: 5 });
    const { publicKey, schemes } = client;
    const wrapper: Signer = { publicKey, schemes, sign: (operation) => client.sign(operation) };
    expect(SignatureAdmission.of(wrapper)).to.equal(SignatureAdmission.of(client));
  });

  it('leave a connection its share while another floods', async () => {
    const held = new HeldSigner();
    await at.serve({ signer: held, signatureLimits: { inFlight: 4, queue: 20, queueTimeout: 20_000 } });
    const flooding = await at.open();
    const honest = await at.open();
    const flood = Array.from({ length: 60 }, () => flooding.sign(asked).catch(codeOf));
    await held.begun(2);
    const served = honest.sign(asked);
    await held.begun(3);
    held.held[2]?.answer();
    expect(await served).to.be.instanceOf(Uint8Array);
    expect(held.held).to.have.lengthOf(3); // Of the flood no more than half of all.
    flooding.close();
    expect(new Set(await Promise.all(flood))).to.include('ERR_S2N_PKEY_SIGNER_CLOSED');
  });

  it('lets connections take turns where the rate is what is short', async () => {
    const order: number[] = [];
    const signer = new CountingSigner();
    const onSignature = ({ connection, outcome }: ServedSignature): void => {
      if (outcome === 'ok') order.push(connection);
    };
    await at.serve({ signer, onSignature, signatureLimits: { perSecond: 20, queueTimeout: 20_000 } });
    const flooding = await at.open();
    const flood = Promise.all(Array.from({ length: 20 }, () => flooding.sign(asked)));
    const honest = await at.open();
    await honest.sign(asked);
    expect(signer.count).to.be.lessThan(15);
    await flood;
    expect(order.indexOf(2)).to.be.lessThan(15);
  });

  it('end a flood of handshakes behind a server that limits nothing itself', async () => {
    const signer = new CountingSigner();
    await at.serve({ signer, signatureLimits: { perSecond: 5, queueTimeout: 300 } });
    const client = await at.open();
    const cert = await createSelfSignedCertificate({ signer: localSigner('P-256'), subject: { CN: 'a' } });
    const server = createServer({ cert, signer: client, signatureLimits: false });
    const failures: unknown[] = [];
    server.on('tlsClientError', (error: Error) => failures.push(codeOf(error)));
    const port = await listen(server);
    const clients: TLSSocket[] = [];
    const outcomes = Array.from({ length: 50 }, () => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
      clients.push(socket);
      return Promise.race([
        once(socket, 'secureConnect').then(() => 'served'),
        new Promise<string>((resolve) => socket.on('error', () => resolve('refused'))),
      ]).catch(() => 'refused');
    });
    const all = await Promise.all(outcomes);
    expect(all).to.include('served').and.to.include('refused');
    expect(new Set(failures)).to.deep.equal(new Set([limited]));
    expect(signer.count).to.equal(all.filter((outcome) => outcome === 'served').length);
    for (const socket of clients) socket.destroy();
    await close(server);
  });

  it('give up the place of what is cancelled, and of a client that goes', async () => {
    const held = new HeldSigner();
    await at.serve({ signer: held, signatureLimits: { inFlight: 2, queueTimeout: 20_000 } });
    const going = await at.open();
    const [first, abort] = [going.sign(asked).catch(codeOf), new AbortController()];
    await held.begun(1);
    const waiting = going.sign(asked, { signal: abort.signal }).catch(codeOf);
    abort.abort();
    expect(await waiting).to.equal('ERR_S2N_PKEY_SIGN_ABORTED');
    going.close();
    expect(await first).to.equal('ERR_S2N_PKEY_SIGNER_CLOSED');
    const staying = await at.open();
    const served = staying.sign(asked);
    await held.begun(2);
    held.held[1]?.answer();
    expect(await served).to.be.instanceOf(Uint8Array);
  });

  it('count what is cancelled until its signer has settled: it was paid for', async () => {
    const held = new HeldSigner();
    const reports: ServedSignature[] = [];
    const signatureLimits = { inFlight: 1, queue: 0, perConnection: false } as const;
    await at.serve({ signer: held, signatureLimits, onSignature: (report) => reports.push(report) });
    const client = await at.open();
    const abort = new AbortController();
    const cancelled = client.sign(asked, { signal: abort.signal }).catch(codeOf);
    await held.begun(1);
    abort.abort();
    expect(await cancelled).to.equal('ERR_S2N_PKEY_SIGN_ABORTED');
    expect(codeOf(await rejectionOf(client.sign(asked)))).to.equal(limited);
    held.held[0]?.answer();
    const outcomes = (): string[] => reports.map(({ outcome }) => outcome);
    await when('both reports', outcomes, ({ length }) => length === 2);
    expect(outcomes()).to.deep.equal([limited, 'ERR_S2N_PKEY_SIGN_ABORTED']);
    const served = client.sign(asked);
    await held.begun(2);
    held.held[1]?.answer();
    expect(await served).to.be.instanceOf(Uint8Array);
  });

  it('permit the schemes that are named, and refuse others also to a client that asks all the same', async () => {
    const signer = new CountingSigner();
    await at.serve({ signer, schemes: ['ecdsa_secp384r1_sha384'] });
    const client = await at.open();
    expect(client.schemes).to.deep.equal(['ecdsa_secp384r1_sha384']);
    expect(codeOf(await rejectionOf(client.sign(asked)))).to.equal('ERR_S2N_PKEY_OPERATION_INVALID');
    expect(signer.count).to.equal(0);
  });

  it('tell each signature to the hook: connection, scheme, outcome, times, the request id of KMS', async () => {
    const seen: ServedSignature[] = [];
    const attempt = {
      ...{ operation: 'Sign', keyArn: 'arn', attempt: 1, hedge: false, outcome: 'ok', throttled: false },
      ...{ statusCode: 200, requestId: 'the-request', durationMs: 1, queuedMs: 0 },
    };
    const signer = new CountingSigner(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      kmsAttemptChannel.publish(attempt);
    });
    const server = await at.serve({
      signer,
      onSignature: (signature) => seen.push(signature),
      signatureLimits: { perSecond: 0.01, queue: 0 },
    });
    const client = await at.open();
    await client.sign(asked);
    await client.sign(asked).catch(codeOf);
    await when(
      'two reports',
      () => seen.length,
      (count) => count === 2,
    );
    const [first, second] = seen;
    expect(first).to.include({
      connection: 1,
      scheme: asked.scheme,
      outcome: 'ok',
      requestId: 'the-request',
    });
    expect(first?.queuedMs).to.equal(0);
    expect(first?.durationMs).to.be.greaterThan(0);
    expect(second).to.include({ connection: 1, outcome: limited, requestId: undefined, queuedMs: undefined });
    await server.close();
    expect(kmsAttemptChannel.hasSubscribers).to.equal(false);
  });

  it('go on when the hook throws, with one warning', async () => {
    const warned = once(process, 'warning') as Promise<[Error & { code?: string }]>;
    await at.serve({
      onSignature: () => {
        throw new Error('the hook fails on purpose');
      },
    });
    const client = await at.open();
    await client.sign(asked);
    await client.sign(asked);
    const [warning] = await warned;
    expect(warning.code).to.equal('S2N_PKEY_ON_SIGNATURE');
  });

  it('name what they do not understand', async () => {
    const wrong: [object, string][] = [
      [{ signatureLimits: true }, 'signatureLimits'],
      [{ signatureLimits: { perSecond: -1 } }, 'signatureLimits.perSecond'],
      [{ signatureLimits: { perAddress: {} } }, 'signatureLimits.perAddress'],
      [{ signatureLimits: { perConnection: 5 } }, 'signatureLimits.perConnection'],
      [{ signatureLimits: { perConnection: { inFlight: 0 } } }, 'signatureLimits.perConnection.inFlight'],
      [{ signatureLimits: { perConnection: { ipv4Prefix: 1 } } }, 'signatureLimits.perConnection.ipv4Prefix'],
      [{ schemes: [] }, 'schemes'],
      [{ schemes: 'ecdsa_secp256r1_sha256' }, 'schemes'],
      [{ schemes: ['rsa_pkcs1_sha256'] }, 'schemes[0]'],
      [{ onSignature: 'console.log' }, 'onSignature'],
      [{ signer: Object.assign(new CountingSigner(), { quota: { perSecond: 1 } }) }, 'signer.quota.inFlight'],
    ];
    for (const [options, option] of wrong) {
      const error = await rejectionOf(
        serveSigner({ signer: localSigner('P-256'), path: at.path, ...options }),
      );
      expect(error, option).to.be.instanceOf(InvalidOptionError).with.property('option', option);
    }
  });

  it('come from the process that signs: a quota that means nothing ends the connection', async () => {
    await at.fake((socket) => socket.write(hello({ quota: { perSecond: 'all', inFlight: 1 } })));
    expect(codeOf(await rejectionOf(at.open()))).to.equal('ERR_S2N_PKEY_SOCKET_SIGNER_PROTOCOL');
  });
});
