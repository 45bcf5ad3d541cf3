import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';
import type { Identity } from '../context/identity.ts';
import { contextsOf } from './secure-server.ts';

/** A certificate that a server presents on new connections. */
export interface ServedCertificate {
  /** The name that `addContext` added it for. Undefined: the server's own, for clients that request none of those names. */
  readonly servername: string | undefined;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the certificate, as `X509Certificate.fingerprint256` writes it. */
  readonly fingerprint: string;
  /** For a key in KMS: the ARN that its signer has. */
  readonly keyArn: string | undefined;
}

/**
 * Returns the certificates that `server` presents on new connections, for metrics and alarms: one entry for each name and
 * kind of key. Contexts that an `SNICallback` chooses are not included.
 *
 * @throws InvalidOptionError if this package does not secure the server.
 */
export function servedCertificates(server: Server): ServedCertificate[] {
  const contexts = contextsOf(server);
  if (contexts === undefined) {
    throw new InvalidOptionError('server', 'a server of createServer, or one that was attached', server);
  }
  return contexts.served().flatMap(({ servername, context }) =>
    context.identities.map((identity) => {
      const { signer } = identity;
      const leaf = leafOf(identity);
      const keyArn = 'keyArn' in signer && typeof signer.keyArn === 'string' ? signer.keyArn : undefined;
      return {
        servername,
        notBefore: new Date(leaf.notBefore),
        notAfter: new Date(leaf.notAfter),
        fingerprint: leaf.fingerprint,
        keyArn,
      };
    }),
  );
}

interface Leaf {
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly fingerprint: string;
}

/** Probes of a server's health ask again and again: what was read last is kept, as long as it is served. */
const leaves = new WeakMap<Identity, Leaf>();

function leafOf(identity: Identity): Leaf {
  let leaf = leaves.get(identity);
  if (!leaf) {
    const certificate = new X509Certificate(identity.certificateChain);
    leaf = {
      notBefore: Date.parse(certificate.validFrom),
      notAfter: Date.parse(certificate.validTo),
      fingerprint: certificate.fingerprint256,
    };
    leaves.set(identity, leaf);
  }
  return leaf;
}
