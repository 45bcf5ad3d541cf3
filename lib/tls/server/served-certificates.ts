import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';
import { contextsOf } from './secure-server.ts';

/** A certificate that a server shows to connections that it accepts now. */
export interface ServedCertificate {
  /** The name it was added for with `addContext`; undefined: the server's own, for clients that ask for none of those. */
  readonly servername: string | undefined;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the certificate, as `X509Certificate.fingerprint256` writes it. */
  readonly fingerprint: string;
  /** Where the key is in KMS: the ARN that its signer has. */
  readonly keyArn: string | undefined;
}

/**
 * What `server` shows to connections that it accepts now, for metrics and alarms: one entry for each name and each kind of key. What
 * an `SNICallback` chooses is not among them.
 *
 * @throws InvalidOptionError for a server that this package does not secure.
 */
export function servedCertificates(server: Server): ServedCertificate[] {
  const contexts = contextsOf(server);
  if (contexts === undefined) {
    throw new InvalidOptionError('server', 'a server of createServer, or one that was attached', server);
  }
  return contexts.served().flatMap(({ servername, context }) =>
    context.identities.map(({ certificateChain, signer }) => {
      const leaf = new X509Certificate(certificateChain);
      const keyArn = 'keyArn' in signer && typeof signer.keyArn === 'string' ? signer.keyArn : undefined;
      return {
        servername,
        notBefore: new Date(leaf.validFrom),
        notAfter: new Date(leaf.validTo),
        fingerprint: leaf.fingerprint256,
        keyArn,
      };
    }),
  );
}
