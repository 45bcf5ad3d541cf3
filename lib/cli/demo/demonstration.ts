import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { connect, type TLSSocket } from 'node:tls';
import { KMSClient } from '@aws-sdk/client-kms';
import { certificateText } from '../../certificate/certificate-text.ts';
import { createSelfSignedCertificate } from '../../certificate/self-signed-certificate.ts';
import { findOrCreateDemoKey } from '../../signers/kms/keys/demo-key.ts';
import type { KmsKey } from '../../signers/kms/keys/key.ts';
import { KmsSigner } from '../../signers/kms/kms-signer.ts';
import { createServer, type TlsServer } from '../../tls/server/create-server.ts';
import type { TlsSocket } from '../../tls/socket/tls-socket.ts';
import type { DemoClientOptions } from './choose-kms.ts';
import { TimedSigner, type SignCall } from './timed-signer.ts';

/** The name the demonstration's certificate is for, as in s2n-tls's own. */
export const serverName = 'async-pkey.demo.s2n';

/** What happened, for the report and for the tests. */
export interface Demonstration {
  readonly key: KmsKey;
  readonly keyCreated: boolean;
  readonly certificate: string;
  readonly certificateText: string;
  /** The signature of the certificate itself. */
  readonly certificateSign: SignCall | undefined;
  /** The signatures of the handshake: one. */
  readonly handshakeSigns: readonly SignCall[];
  readonly port: number;
  readonly clientAuthorized: boolean;
  readonly sent: string;
  readonly received: string;
  readonly handshake: {
    readonly kind: 'full' | 'resumed';
    readonly protocol: string;
    readonly cipher: string;
    readonly group: string;
    readonly scheme: string;
    /** Milliseconds since the connection was accepted. */
    readonly stopped: number;
    readonly continued: number;
    readonly done: number;
  };
  /** Milliseconds the client took from connecting to a finished handshake. */
  readonly clientTime: number;
}

/**
 * A server that holds only a certificate, and a client that trusts only that certificate: finds or creates the key in KMS, makes
 * the certificate, shakes hands, exchanges a message.
 *
 * @throws KmsError and others of this package's errors.
 */
export async function demonstrate(clientOptions: DemoClientOptions): Promise<Demonstration> {
  const client = new KMSClient(clientOptions);
  let signer: KmsSigner | undefined;
  try {
    const { key, created } = await findOrCreateDemoKey(client);
    signer = await KmsSigner.open({ keyId: key.arn, ...clientOptions });
    const timed = new TimedSigner(signer);
    const certificate = await createSelfSignedCertificate({
      signer: timed,
      subject: { CN: serverName },
      altNames: { dns: [serverName] },
    });
    const certificateSign = timed.calls.pop();
    const meeting = await meet(certificate, timed);
    return {
      key,
      keyCreated: created,
      certificate,
      certificateText: await certificateText(certificate),
      certificateSign,
      handshakeSigns: timed.calls,
      ...meeting,
    };
  } finally {
    signer?.close();
    client.destroy();
  }
}

type Meeting = Pick<
  Demonstration,
  'port' | 'clientAuthorized' | 'sent' | 'received' | 'handshake' | 'clientTime'
>;

async function meet(certificate: string, signer: TimedSigner): Promise<Meeting> {
  const server = createServer({ cert: certificate, signer }, (socket) => {
    socket.on('data', (question: Buffer) => socket.end(`You said: ${question.toString()}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const accepted = acceptedSocket(server);
    const begun = performance.now();
    const client = connect({ port, host: '127.0.0.1', servername: serverName, ca: certificate });
    const [socket] = await Promise.all([accepted, once(client, 'secureConnect')]);
    const clientTime = performance.now() - begun;
    const sent = 'Hello from a client that trusts nothing but your certificate';
    const received = await exchange(client, sent);
    return {
      port,
      clientAuthorized: client.authorized,
      sent,
      received,
      handshake: describe(socket),
      clientTime,
    };
  } finally {
    server.close();
  }
}

/** The server's side of the one connection, or the reason why there is none. */
function acceptedSocket(server: TlsServer): Promise<TlsSocket> {
  return new Promise((resolve, reject) => {
    server.once('secureConnection', resolve);
    server.once('tlsClientError', reject);
  });
}

async function exchange(client: TLSSocket, question: string): Promise<string> {
  let answer = '';
  client.setEncoding('utf8').on('data', (part: string) => (answer += part));
  client.write(question);
  await once(client, 'end');
  client.destroy();
  return answer;
}

function describe(socket: TlsSocket): Demonstration['handshake'] {
  const timing = socket.handshakeTiming;
  return {
    kind: socket.isSessionReused() ? 'resumed' : 'full',
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher()?.standardName ?? '',
    group: socket.keyExchangeGroup ?? '',
    scheme: socket.signatureScheme ?? 'none',
    stopped: (timing?.signatureAsked ?? 0) / 1000,
    continued: (timing?.signatureApplied ?? 0) / 1000,
    done: (timing?.done ?? 0) / 1000,
  };
}
