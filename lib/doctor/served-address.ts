import { once } from 'node:events';
import { isIP } from 'node:net';
import { X509Certificate } from 'node:crypto';
import { checkServerIdentity, type DetailedPeerCertificate } from 'node:tls';
import { connect } from '../tls/client/connect.ts';
import { curveNamed } from '../signers/curves.ts';
import type { TlsSocket } from '../tls/socket/tls-socket.ts';
import type { ProtocolVersion } from '../tls/context/protocol-versions.ts';
import { certificateFindings } from './certificate-findings.ts';
import { fault, warning, type Finding } from './finding.ts';

/** The connection of a client with one protocol version. */
export interface SeenHandshake {
  readonly protocol: ProtocolVersion;
  /** Why the connection failed. All other members are undefined then. */
  readonly refused: string | undefined;
  readonly cipher?: string | undefined;
  readonly group?: string | undefined;
  /** Known only if the certificate's curve determines it: in TLS 1.3 (RFC 8446 §4.2.3). s2n reports no more to a client. */
  readonly signatureScheme?: string | undefined;
  readonly alpnProtocol?: string | undefined;
  /** Milliseconds, including the TCP connection. */
  readonly milliseconds?: number;
  /** Whether a second connection was resumed. */
  readonly resumed?: boolean;
  readonly ocspStapled?: boolean;
  readonly chain?: readonly SeenCertificate[];
}

export interface SeenCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly names: string | undefined;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly fingerprint: string;
}

export interface SeenServer {
  readonly handshakes: readonly SeenHandshake[];
  readonly findings: readonly Finding[];
}

export interface AddressOptions {
  readonly host: string;
  readonly port: number;
  /** Default: the host. No name is sent for an address. */
  readonly servername?: string | undefined;
  /** PEM of authorities to trust in addition to the well-known ones. */
  readonly ca?: string | undefined;
  /** Milliseconds for each connection. Default: 10,000. */
  readonly timeout?: number;
  readonly expiryWarningDays?: number;
}

const versions: readonly ProtocolVersion[] = ['TLSv1.2', 'TLSv1.3'];

/** Connects to a server with each protocol version, twice, as a client that trusts the well-known authorities. */
export async function seeServer(options: AddressOptions): Promise<SeenServer> {
  const handshakes: SeenHandshake[] = [];
  const certificates = new Map<string, X509Certificate[]>();
  const untrusted = new Set<string>();
  for (const protocol of versions) {
    const seen = await seeVersion(options, protocol, certificates, untrusted);
    handshakes.push(seen);
  }
  const findings: Finding[] = [];
  const name = options.servername ?? options.host;
  if (handshakes.every(({ refused }) => refused !== undefined)) {
    findings.push(
      fault(
        'NO_CONNECTION',
        `no TLS connection to ${options.host} port ${options.port}: ${handshakes[0]?.refused}`,
        'See that the server runs there and is reached: the address, the firewall, the name asked for, its log.',
      ),
    );
  }
  const limits = { now: Date.now(), expiresWithin: (options.expiryWarningDays ?? 21) * 86_400_000 };
  for (const chain of certificates.values()) {
    for (const found of certificateFindings(chain, [name], limits)) {
      if (!findings.some(({ code, message }) => code === found.code && message === found.message)) {
        findings.push(found);
      }
    }
  }
  for (const reason of untrusted) {
    findings.push(
      fault(
        'UNTRUSTED',
        `the certificate does not verify: ${reason}`,
        'Have the server send its intermediate certificates; for a private authority give its certificate (--ca).',
      ),
    );
  }
  for (const { protocol, resumed, refused } of handshakes) {
    if (refused !== undefined || resumed === true) continue;
    findings.push(
      warning(
        'NO_RESUMPTION',
        `a second ${protocol} connection was not resumed: every connection costs a signature`,
        'Let the server give session tickets (sessionTickets), and share ticketKeys among the machines behind one name.',
      ),
    );
  }
  return { handshakes, findings };
}

async function seeVersion(
  options: AddressOptions,
  protocol: ProtocolVersion,
  certificates: Map<string, X509Certificate[]>,
  untrusted: Set<string>,
): Promise<SeenHandshake> {
  const begun = performance.now();
  let socket: TlsSocket;
  let ocspStapled = false;
  try {
    socket = await open(options, protocol, undefined, (response) => (ocspStapled = response !== null));
  } catch (error) {
    return { protocol, refused: error instanceof Error ? error.message : String(error) };
  }
  const milliseconds = Math.round(performance.now() - begun);
  const chain = chainOf(socket);
  const [leaf] = chain;
  if (leaf !== undefined) certificates.set(leaf.fingerprint256, chain);
  if (socket.authorizationError !== null) untrusted.add(socket.authorizationError);
  const session = await sessionOf(socket);
  const seen = {
    protocol,
    refused: undefined,
    cipher: socket.getCipher()?.standardName,
    group: socket.keyExchangeGroup ?? undefined,
    signatureScheme: leaf && schemeByCurve(protocol, leaf),
    alpnProtocol: socket.alpnProtocol === false ? undefined : socket.alpnProtocol,
    milliseconds,
    ocspStapled,
    chain: chain.map(seenCertificate),
  };
  socket.destroy();
  return { ...seen, resumed: await resumes(options, protocol, session) };
}

async function resumes(
  options: AddressOptions,
  protocol: ProtocolVersion,
  session: Buffer | undefined,
): Promise<boolean> {
  if (session === undefined) return false;
  try {
    const socket = await open(options, protocol, session);
    const resumed = socket.isSessionReused();
    socket.destroy();
    return resumed;
  } catch {
    return false;
  }
}

/** A session that a later connection can resume. In TLS 1.3 it comes after the handshake, and a server may send none. */
async function sessionOf(socket: TlsSocket): Promise<Buffer | undefined> {
  const known = socket.getSession();
  if (known !== undefined) return known;
  // Servers of this package send their tickets within a second or two.
  const stopped = AbortSignal.timeout(3_000);
  socket.resume(); // Tickets come with what is read.
  try {
    const [session] = (await Promise.race([
      once(socket, 'session', { signal: stopped }),
      once(socket, 'close', { signal: stopped }),
    ])) as [unknown];
    return Buffer.isBuffer(session) ? session : undefined;
  } catch {
    return undefined;
  }
}

async function open(
  { host, port, servername, ca, timeout = 10_000 }: AddressOptions,
  protocol: ProtocolVersion,
  session?: Buffer,
  onOcspResponse: (response: Buffer | null) => void = () => undefined,
): Promise<TlsSocket> {
  const name = servername ?? (isIP(host) === 0 ? host : undefined);
  const socket = connect({
    host,
    port,
    ...(name === undefined ? {} : { servername: name }),
    ...(ca === undefined ? {} : { ca }),
    ...(session === undefined ? {} : { session }),
    securityPolicy: clientPolicies[protocol],
    minVersion: protocol, // whatever the process's own limits are
    maxVersion: protocol,
    ALPNProtocols: ['h2', 'http/1.1'],
    requestOCSP: true,
    rejectUnauthorized: false,
    checkServerIdentity: (hostname, certificate) => checkServerIdentity(hostname, certificate),
  });
  socket.on('OCSPResponse', onOcspResponse);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    socket.destroy();
    throw error instanceof Error && error.name === 'AbortError'
      ? new Error(`no handshake within ${timeout} ms`, { cause: error })
      : error;
  }
  socket.on('error', () => undefined);
  return socket;
}

/** One policy for each version. The first includes cipher suites of old servers. */
const clientPolicies: Readonly<Record<ProtocolVersion, string>> = {
  'TLSv1.2': '20240501',
  'TLSv1.3': 'CloudFront-TLS-1-3-2025',
};

function schemeByCurve(protocol: ProtocolVersion, { publicKey }: X509Certificate): string | undefined {
  if (protocol !== 'TLSv1.3') return undefined;
  return curveNamed(publicKey.asymmetricKeyDetails?.namedCurve)?.scheme;
}

function chainOf(socket: TlsSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < 20) {
    chain.push(new X509Certificate(certificate.raw));
    const next: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = next === certificate ? undefined : next;
  }
  return chain;
}

function seenCertificate(certificate: X509Certificate): SeenCertificate {
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    issuer: certificate.issuer.replaceAll('\n', ', '),
    names: certificate.subjectAltName,
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    fingerprint: certificate.fingerprint256,
  };
}
