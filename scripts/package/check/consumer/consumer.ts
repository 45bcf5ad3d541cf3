// A program of somebody's in TypeScript, which scripts/package/check/types.mjs compiles as an ES module and as CommonJS: a signer of
// its own, a server, a client that trusts the certificate.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { KMSClient } from '@aws-sdk/client-kms';
import {
  createKey,
  createSelfSignedCertificate,
  createServer,
  InvalidOptionError,
  KmsSigner,
  LocalKeySigner,
  S2nPkeyError,
  type PrivateKeyOperation,
  type Signer,
  type SignOptions,
  type TlsServerOptions,
  type TlsSocket,
} from 's2n-pkey';
import { AzureSigner } from 's2n-pkey/azure';
import { GoogleSigner } from 's2n-pkey/google';
import { startLocalKms, type CountersSnapshot } from 's2n-pkey/local-kms';
import { Pkcs11Signer } from 's2n-pkey/pkcs11';
import { prometheusMetrics } from 's2n-pkey/prometheus';
import { signerConformance } from 's2n-pkey/signer-conformance';
import { serveSigner, SocketSigner } from 's2n-pkey/socket-signer';
import { VaultSigner } from 's2n-pkey/vault';

class CountingSigner implements Signer {
  readonly #inner: LocalKeySigner;
  count = 0;

  constructor(inner: LocalKeySigner) {
    this.#inner = inner;
  }

  get publicKey(): Signer['publicKey'] {
    return this.#inner.publicKey;
  }

  get schemes(): Signer['schemes'] {
    return this.#inner.schemes;
  }

  async sign(operation: PrivateKeyOperation, options: SignOptions): Promise<Uint8Array> {
    this.count += 1;
    return await this.#inner.sign(operation, options);
  }
}

/** Never run: what TypeScript has to refuse, and would not if it took the types for `any`. */
export async function refused(): Promise<void> {
  // @ts-expect-error a key's identifier is a string
  await KmsSigner.open({ keyId: 7 });
  // @ts-expect-error there is no such option
  createServer({ certificate: 'PEM' });
  // @ts-expect-error the path is missing
  await SocketSigner.open({});
  // @ts-expect-error the module is missing
  await Pkcs11Signer.open({ label: 'site' });
  // @ts-expect-error a key's name is a string
  await VaultSigner.open({ key: 7 });
  // @ts-expect-error the credential is missing
  await AzureSigner.open({ keyId: 'https://site.vault.azure.net/keys/site' });
  // @ts-expect-error there is no such option
  await GoogleSigner.open({ keyVersion: 'projects/p', key: 'site' });
  // @ts-expect-error bounds are numbers
  prometheusMetrics({ buckets: ['1'] });
  // @ts-expect-error there is no such misbehaviour
  await (await startLocalKms()).misbehave({ kind: 'rain' });
  // @ts-expect-error the signer is missing
  await serveSigner({ path: '/run/site.sock' });
}

/** A key of a KMS that lasts as long as the function. */
async function askLocalKms(): Promise<void> {
  await using kms = await startLocalKms();
  const client = new KMSClient(kms.clientOptions);
  const { arn } = await createKey(client, { keySpec: 'ECC_NIST_P256' });
  {
    using signer = await KmsSigner.open({ keyId: arn, client });
    await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
  }
  client.destroy();
  const counters: CountersSnapshot = await kms.counters();
  if (counters['Sign']?.requests !== 1) throw new Error('the local KMS has counted otherwise');
}

async function main(keyFile: string, certFile: string): Promise<void> {
  const signer = new CountingSigner(new LocalKeySigner({ key: readFileSync(keyFile, 'utf8') }));
  const cert = readFileSync(certFile, 'utf8');
  const options: TlsServerOptions = { cert, signer, handshakeTimeout: 10_000 };
  const server = createServer(options, (socket: TlsSocket) => {
    socket.end(`${socket.getProtocol() ?? 'none'}\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, ca: cert, servername: 'localhost' });
  let received = '';
  client.setEncoding('utf8').on('data', (text: string) => (received += text));
  await once(client, 'end');
  server.close();
  const { count } = signer;
  await askLocalKms();
  for (const { run } of signerConformance({ open: () => signer })) await run();
  try {
    createServer({ cert, signer, handshakeTimeout: -1 });
  } catch (error) {
    if (!(error instanceof InvalidOptionError) || !(error instanceof S2nPkeyError)) throw error;
    console.log(`${received.trim()}, ${count} signature; ${error.code} for ${error.option}`);
  }
}

const [keyFile = '', certFile = ''] = process.argv.slice(2);
void main(keyFile, certFile);
