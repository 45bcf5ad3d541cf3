import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { curveNamed } from '../curves.ts';
import type { Signer } from '../signer.ts';
import { createServer } from '../../tls/server/create-server.ts';
import { settled } from './asked.ts';
import type { Check, Checked } from './check.ts';
import { ConformanceError } from './conformance-error.ts';
import { issueCertificate } from './issued-certificate.ts';

export const handshakeChecks: readonly Check[] = (['TLSv1.2', 'TLSv1.3'] as const).map((version) => ({
  name: `completes ${version} handshakes with a client of node:tls, where its schemes are of that version`,
  run: async (signer, options) => {
    const schemes = signer.schemes.filter((scheme) =>
      version === 'TLSv1.2' ? !scheme.startsWith('mldsa') : inTls13(scheme, signer),
    );
    if (schemes.length > 0) await handshake(signer, version, schemes, options);
  },
}));

/** TLS 1.3 has no PKCS#1 v1.5 in handshakes, and binds ECDSA schemes to curves (RFC 8446 §4.2.3). */
function inTls13(scheme: string, { publicKey }: Signer): boolean {
  if (scheme.startsWith('ecdsa')) {
    return curveNamed(publicKey.asymmetricKeyDetails?.namedCurve)?.scheme === scheme;
  }
  return !scheme.startsWith('rsa_pkcs1');
}

async function handshake(
  signer: Signer,
  version: 'TLSv1.2' | 'TLSv1.3',
  schemes: readonly string[],
  { certificate, patience }: Checked,
): Promise<void> {
  const issued = certificate === undefined ? await issueCertificate(signer) : undefined;
  const cert = issued?.chain ?? certificate ?? '';
  // The engine signs itself with a LocalKeySigner; here it is `sign` that is looked at.
  const asked = { publicKey: signer.publicKey, schemes: signer.schemes, sign: signer.sign.bind(signer) };
  let failure: unknown;
  const isMlDsa = schemes.some((scheme) => scheme.startsWith('mldsa'));
  const securityPolicy = isMlDsa ? { securityPolicy: 'default_pq' } : {};
  const options = { cert, signer: asked, handshakeTimeout: patience, ...securityPolicy };
  const server = createServer(options, (socket) => {
    socket.on('error', () => undefined).end('signed');
  });
  server.on('tlsClientError', (error: unknown) => (failure = error));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect({
    ...{ host: '127.0.0.1', port: (server.address() as AddressInfo).port, servername: 'localhost' },
    ...{ minVersion: version, maxVersion: version, sigalgs: schemes.join(':') },
    // A certificate of the caller's may be for any name; that the peer has its key is what the handshake shows.
    ...(issued === undefined ? { rejectUnauthorized: false } : { ca: issued.authority }),
  });
  let received = '';
  client.setEncoding('utf8').on('data', (text: string) => (received += text));
  try {
    await settled(patience, `a ${version} handshake`, () => once(client, 'end'));
  } catch (cause) {
    const reason = failure ?? cause;
    throw new ConformanceError(
      `a ${version} handshake failed: ${reason instanceof Error ? reason.message : String(reason)}`,
      { cause: reason },
    );
  } finally {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
  if (received !== 'signed') throw new ConformanceError(`a ${version} client received '${received}'`);
}
