import type { KeyObject } from 'node:crypto';
import { connect } from 'node:tls';
import { SignerError } from '../errors.ts';
import { kindOfKey, schemesOfKey } from '../signers/schemes-of-key.ts';
import type { SignatureScheme } from '../signers/signature-scheme.ts';
import type { PrivateKeyOperation, Signer } from '../signers/signer.ts';
import { TlsConnectionError } from '../tls/socket/connection-error.ts';
import { createServer } from '../tls/server/create-server.ts';
import type { ProtocolVersion, VersionRange } from '../tls/context/protocol-versions.ts';
import { createSecureContext, makeConfig, type SecureContextOptions } from '../tls/context/secure-context.ts';
import { fault, type Finding } from './finding.ts';
import { memoryConnection } from './memory-connection.ts';

/** A protocol version that is offered, and the signature schemes that it can use. */
export interface Agreement {
  readonly protocol: ProtocolVersion;
  /** A client that supports only one of these is served. Empty: no client is served. */
  readonly schemes: readonly SignatureScheme[];
}

const protocols: readonly ProtocolVersion[] = ['TLSv1.2', 'TLSv1.3'];

/** Milliseconds for a handshake inside this process, up to its signature. */
const patience = 10_000;

/**
 * Tests which protocol versions and schemes the security policy and the key agree on, by handshakes inside this process. Each
 * ends when the signature is requested, so nothing is signed. With TLS 1.3, a P-521 key needs a policy with
 * `ecdsa_secp521r1_sha512` (RFC 8446 §4.2.3); with TLS 1.2 it does not.
 *
 * @throws as `createServer`, if policy and certificate can never agree.
 */
export async function agreements(
  cert: string | Uint8Array,
  publicKey: KeyObject,
  { securityPolicy, minVersion, maxVersion }: SecureContextOptions,
): Promise<Agreement[]> {
  const kind = kindOfKey(publicKey);
  const probe = new Probe(
    { cert, ...defined({ securityPolicy, minVersion, maxVersion }) },
    publicKey,
    kind === undefined ? [] : schemesOfKey(kind),
  );
  const found: Agreement[] = [];
  for (const protocol of protocols) {
    // TLS 1.2 has no ML-DSA: its clients need an identity of another kind, which is not this one's fault.
    if (kind?.type === 'ml-dsa' && protocol === 'TLSv1.2') continue;
    if (protocol < probe.offered.minVersion || protocol > probe.offered.maxVersion) continue;
    const outcomes: Outcome[] = [];
    for (const scheme of probe.schemes) outcomes.push(await probe.run(protocol, scheme));
    if (outcomes.includes('version-refused')) continue;
    found.push({ protocol, schemes: probe.schemes.filter((_, index) => outcomes[index] === 'agreed') });
  }
  return found;
}

/** A fault for each protocol version that is offered and never works. */
export function agreementFindings(found: readonly Agreement[], policy: string): Finding[] {
  return found
    .filter(({ schemes }) => schemes.length === 0)
    .map(({ protocol }) =>
      fault(
        'NO_SIGNATURE_SCHEME',
        `security policy '${policy}' offers ${protocol}, and has no signature scheme for it that this certificate's key can sign with: ` +
          'every handshake of that version fails',
        `Choose a securityPolicy that suits the key ('default' suits every key), one without ${protocol}, or a key of another kind.`,
      ),
    );
}

type Outcome = 'agreed' | 'no-agreement' | 'version-refused';

/** A server that presents the certificate to test clients. */
class Probe {
  readonly schemes: readonly SignatureScheme[];
  /** The versions that policy and options allow. */
  readonly offered: VersionRange;
  readonly #options: SecureContextOptions & { cert: string | Uint8Array };
  readonly #publicKey: KeyObject;

  constructor(
    options: SecureContextOptions & { cert: string | Uint8Array },
    publicKey: KeyObject,
    schemes: readonly SignatureScheme[],
  ) {
    this.#options = options;
    this.#publicKey = publicKey;
    this.schemes = schemes;
    // This throws if policy and certificate can never agree.
    const signer = unsigning(publicKey, schemes, () => undefined);
    const { identities, settings } = createSecureContext({ ...options, signer });
    this.offered = makeConfig(identities, settings);
  }

  run(protocol: ProtocolVersion, scheme: SignatureScheme): Promise<Outcome> {
    const [ours, theirs] = memoryConnection();
    return new Promise<Outcome>((resolve) => {
      const done = (outcome: Outcome): void => {
        clearTimeout(timer);
        resolve(outcome);
        theirs.destroy();
        ours.destroy();
      };
      const timer = setTimeout(done, patience, 'no-agreement');
      const signer = unsigning(this.#publicKey, this.schemes, (operation) => {
        done(operation.scheme === scheme ? 'agreed' : 'no-agreement');
      });
      const server = createServer({ ...this.#options, signer });
      server.on('tlsClientError', (error: unknown) => {
        const reason = error instanceof TlsConnectionError ? (error.reason ?? '') : '';
        done(reason.includes('PROTOCOL_VERSION') ? 'version-refused' : 'no-agreement');
      });
      for (const stream of [ours, theirs]) stream.on('error', () => undefined);
      server.emit('connection', ours);
      const client = connect({
        socket: theirs,
        minVersion: protocol,
        maxVersion: protocol,
        sigalgs: scheme,
        ciphers: 'ALL:@SECLEVEL=0',
        ecdhCurve: 'X25519:P-256:P-384:P-521',
        rejectUnauthorized: false,
      });
      client.on('error', () => undefined); // The server's view of it is what counts.
    });
  }
}

/** A signer with the public key only. It reports each requested operation instead of signing. */
function unsigning(
  publicKey: KeyObject,
  schemes: readonly SignatureScheme[],
  asked: (operation: PrivateKeyOperation) => void,
): Signer {
  return {
    publicKey,
    schemes,
    sign: (operation) => {
      asked(operation);
      return Promise.reject(new SignerError('a handshake that was only tried, up to its signature'));
    },
  };
}

/** Removes undefined members, because an option must not be undefined. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
