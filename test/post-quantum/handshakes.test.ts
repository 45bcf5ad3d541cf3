import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as nodeTls from 'node:tls';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import type { ConnectOptions } from '../../lib/tls/client/client-options.ts';
import { connect } from '../../lib/tls/client/connect.ts';
import { preflight } from '../../lib/doctor/preflight.ts';
import { createServer } from '../../lib/tls/server/create-server.ts';
import type { TlsSocket } from '../../lib/tls/socket/tls-socket.ts';
import { KmsSigner } from '../../lib/signers/kms/kms-signer.ts';
import { LocalKeySigner } from '../../lib/signers/local-key-signer.ts';
import { signerConformance } from '../../lib/signers/conformance/signer-conformance.ts';
import type { PrivateKeyOperation, Signer } from '../../lib/signers/signer.ts';
import { createKey, runningKms } from '../local-kms/running-kms.ts';
import { keyPair, privateKeyPem } from '../signers/key-pairs.ts';
import { withoutAwsConfiguration } from '../signers/kms/aws-environment.ts';
import { describeMlDsa, levelNames, mlDsaPem, schemeOf, type LevelName } from './ml-dsa-node.ts';

type ServerOptions = Parameters<typeof createServer>[0];
type ClientOptions = Omit<ConnectOptions, 'port'>;

/** A signer outside the engine, and what it was asked for. */
class Counting implements Signer {
  readonly asked: string[] = [];
  readonly #signer: Signer;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  get publicKey(): Signer['publicKey'] {
    return this.#signer.publicKey;
  }

  get schemes(): Signer['schemes'] {
    return this.#signer.schemes;
  }

  sign(operation: PrivateKeyOperation): Promise<Uint8Array> {
    this.asked.push(operation.scheme);
    return this.#signer.sign(operation);
  }
}

interface Identity {
  readonly cert: string;
  readonly signer: Counting;
}

async function identityOf(
  signer: Signer,
  usage: 'serverAuth' | 'clientAuth' = 'serverAuth',
): Promise<Identity> {
  const cert = await createSelfSignedCertificate({
    ...{ signer, subject: 'CN=localhost', altNames: { dns: ['localhost'] }, extendedKeyUsage: [usage] },
  });
  return { cert, signer: new Counting(signer) };
}

const mlDsa = (level: LevelName): Signer => new LocalKeySigner({ key: mlDsaPem(level) });
const ecdsa = (): Signer => new LocalKeySigner({ key: privateKeyPem(keyPair('P-256')) });

interface Outcome {
  /** What the server's side was like; absent: it failed. */
  readonly served?: { readonly scheme: string | null; readonly group: string | null };
  /** What the client read; empty: it was refused. */
  readonly received: string;
}

async function readToTheEnd(socket: nodeTls.TLSSocket | TlsSocket): Promise<string> {
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return received;
}

/** One connection: the client is made for the port, and reads to the end. */
async function serve(
  options: ServerOptions,
  client: (port: number) => nodeTls.TLSSocket | TlsSocket,
): Promise<Outcome> {
  let served: Outcome['served'];
  const server = createServer(options, (socket) => {
    served = { scheme: socket.signatureScheme, group: socket.keyExchangeGroup };
    socket.on('error', () => undefined).end(`hello ${socket.getPeerX509Certificate()?.subject ?? ''}`);
  });
  server.on('tlsClientError', () => undefined);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const received = await readToTheEnd(client((server.address() as AddressInfo).port));
    return { ...(served ? { served } : {}), received };
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const openssl =
  (ca: readonly string[], options: nodeTls.ConnectionOptions = {}) =>
  (port: number): nodeTls.TLSSocket =>
    nodeTls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: [...ca], ...options });

const own =
  (ca: readonly string[], options: ClientOptions = {}) =>
  (port: number): TlsSocket =>
    connect({ host: '127.0.0.1', port, servername: 'localhost', ca: [...ca], ...options });

describeMlDsa(import.meta.url, 'ML-DSA handshakes', () => {
  withoutAwsConfiguration();
  const running = runningKms();

  for (const level of levelNames) {
    it(`serve OpenSSL and our own client with a ${level} key in KMS`, async () => {
      const { keyId } = await createKey(running().client, level.replaceAll('-', '_') as 'ML_DSA_65');
      const kms = await KmsSigner.open({ keyId, ...running().kms.clientOptions });
      try {
        const { cert, signer } = await identityOf(kms);
        const options = { cert, signer, securityPolicy: 'default_pq' };
        for (const client of [openssl([cert]), own([cert], { securityPolicy: 'default_pq' })]) {
          const { served, received } = await serve(options, client);
          expect(received).to.equal('hello ');
          expect(served).to.deep.equal({ scheme: schemeOf(level), group: 'X25519MLKEM768' });
        }
        expect(signer.asked).to.deep.equal([schemeOf(level), schemeOf(level)]);
      } finally {
        kms.close();
      }
    });
  }

  it('sign on the engine thread with a LocalKeySigner', async () => {
    const signer = mlDsa('ML-DSA-65');
    const { cert } = await identityOf(signer);
    const { served } = await serve({ cert, signer, securityPolicy: 'default_pq' }, openssl([cert]));
    expect(served?.scheme).to.equal('mldsa65');
  });

  it('are chosen by the client beside an ECDSA certificate', async () => {
    const [classical, quantum] = [await identityOf(ecdsa()), await identityOf(mlDsa('ML-DSA-65'))];
    const options = { identities: [classical, quantum], securityPolicy: 'default_pq' };
    const ca = [classical.cert, quantum.cert];
    for (const [client, scheme] of [
      [openssl(ca), 'mldsa65'],
      [openssl(ca, { sigalgs: 'ecdsa_secp256r1_sha256' }), 'ecdsa_secp256r1_sha256'],
      [openssl(ca, { maxVersion: 'TLSv1.2' }), 'ecdsa_secp256r1_sha256'],
      [own(ca, { securityPolicy: 'default_pq' }), 'mldsa65'],
      [own(ca), 'ecdsa_secp256r1_sha256'],
    ] as const) {
      const { served, received } = await serve(options, client);
      expect(received).to.equal('hello ');
      expect(served?.scheme).to.equal(scheme);
    }
  });

  it('cost no signature for a client without ML-DSA', async () => {
    const { cert, signer } = await identityOf(mlDsa('ML-DSA-65'));
    const options = { cert, signer, securityPolicy: 'default_pq' };
    for (const client of [
      openssl([cert], { sigalgs: 'ecdsa_secp256r1_sha256' }),
      openssl([cert], { sigalgs: 'mldsa44' }),
      openssl([cert], { maxVersion: 'TLSv1.2' }),
      own([cert]),
    ]) {
      const { served, received } = await serve(options, client);
      expect(served).to.equal(undefined);
      expect(received).to.equal('');
    }
    expect(signer.asked).to.deep.equal([]);
    await serve(options, openssl([cert]));
    expect(signer.asked).to.deep.equal(['mldsa65']);
  });

  it('have ML-DSA-87 alone under cnsa_2', async () => {
    const { cert, signer } = await identityOf(mlDsa('ML-DSA-87'));
    const { served } = await serve(
      { cert, signer, securityPolicy: 'cnsa_2' },
      openssl([cert], { ecdhCurve: 'MLKEM1024' }),
    );
    expect(served?.scheme).to.equal('mldsa87');
    const other = await identityOf(mlDsa('ML-DSA-65'));
    expect(() => createServer({ ...other, securityPolicy: 'cnsa_2' }))
      .to.throw('default_pq')
      .with.property('code', 'ERR_S2N_PKEY_SECURITY_POLICY');
  });

  it('refuse two levels for one name, and a policy without ML-DSA, when the server is created', async () => {
    const [small, large] = [await identityOf(mlDsa('ML-DSA-44')), await identityOf(mlDsa('ML-DSA-87'))];
    expect(() => createServer({ identities: [small, large], securityPolicy: 'default_pq' }))
      .to.throw('two for ML-DSA keys')
      .with.property('option', 'identities');
    expect(() => createServer({ ...small }))
      .to.throw('ML-DSA-44')
      .with.property('code', 'ERR_S2N_PKEY_SECURITY_POLICY');
  });

  it('show client certificates to OpenSSL', async () => {
    const server = await identityOf(ecdsa());
    for (const level of levelNames) {
      const client = await identityOf(mlDsa(level), 'clientAuth');
      const key = privateKeyPem(keyPair('P-256'));
      const listening = nodeTls.createServer(
        { cert: server.cert, key, requestCert: true, ca: [client.cert] },
        (socket) => socket.end(`hello ${socket.authorized}`),
      );
      await once(listening.listen(0, '127.0.0.1'), 'listening');
      try {
        const options = { cert: client.cert, signer: client.signer, securityPolicy: 'default_pq' };
        const socket = own([server.cert], options)((listening.address() as AddressInfo).port);
        expect(await readToTheEnd(socket)).to.equal('hello true');
        expect(client.signer.asked).to.deep.equal([schemeOf(level)]);
      } finally {
        await new Promise((resolve) => listening.close(resolve));
      }
    }
  });

  it('ask a client for its own scheme, whatever kind of key the server has', async () => {
    for (const [serving, showing, scheme] of [
      [ecdsa(), mlDsa('ML-DSA-65'), 'mldsa65'],
      [mlDsa('ML-DSA-44'), mlDsa('ML-DSA-87'), 'mldsa87'],
      [mlDsa('ML-DSA-65'), ecdsa(), 'ecdsa_secp256r1_sha256'],
    ] as const) {
      const [server, client] = [await identityOf(serving), await identityOf(showing, 'clientAuth')];
      const options = { ...server, securityPolicy: 'default_pq', requestCert: true, ca: client.cert };
      const asClient = own([server.cert], { ...client, securityPolicy: 'default_pq' });
      expect((await serve(options, asClient)).received).to.equal('hello CN=localhost');
      expect(client.signer.asked).to.deep.equal([scheme]);
    }
  });

  it('show the client certificate that the server can verify', async () => {
    const server = await identityOf(ecdsa());
    const clients = [
      await identityOf(ecdsa(), 'clientAuth'),
      await identityOf(mlDsa('ML-DSA-65'), 'clientAuth'),
    ];
    for (const identities of [clients, [...clients].reverse()]) {
      for (const securityPolicy of ['default', 'default_pq']) {
        const options = { ...server, securityPolicy, requestCert: true, ca: clients.map(({ cert }) => cert) };
        const client = own([server.cert], { identities, securityPolicy: 'default_pq' });
        expect((await serve(options, client)).received).to.equal('hello CN=localhost');
      }
    }
  });

  it('pass preflight, which finds the level and proves a signature', async () => {
    for (const level of levelNames) {
      const { cert, signer } = await identityOf(mlDsa(level));
      const report = await preflight({ cert, signer, securityPolicy: 'default_pq' });
      expect(report.protocols).to.deep.equal([{ protocol: 'TLSv1.3', schemes: [schemeOf(level)] }]);
      expect(signer.asked).to.include(schemeOf(level));
    }
  });

  describe('with a signer that conforms', () => {
    for (const level of levelNames) {
      for (const { name, run } of signerConformance({ open: () => mlDsa(level) }))
        it(`${level}: ${name}`, run);
    }
  });
});
