import type { Address, ProxyHeaderFacts } from '../../native/events.ts';

/** One end of a connection, as a PROXY protocol header names it. */
export interface ProxyEndpoint {
  /** An IP address, or the path of a Unix socket. */
  readonly address: string;
  /** Undefined for a Unix socket. */
  readonly port: number | undefined;
}

/** The client's TLS connection to a balancer that decrypts it and encrypts it again (type 0x20). */
export interface ProxyTls {
  /** Such as `TLSv1.3`. */
  readonly version: string | undefined;
  readonly cipher: string | undefined;
  /** Of the client's certificate: the common name of its subject. */
  readonly commonName: string | undefined;
  readonly signatureAlgorithm: string | undefined;
  readonly keyAlgorithm: string | undefined;
  /** Whether the client used TLS at all. */
  readonly encrypted: boolean;
  /** Whether it presented a certificate, on this connection or earlier in the session. */
  readonly hasCertificate: boolean;
  /** Whether that verified. */
  readonly verified: boolean;
}

/** What a PROXY protocol header says of a connection, and who sent it. */
export interface ProxyProtocolHeader {
  readonly version: 1 | 2;
  /** `'LOCAL'`: the connection is the balancer's own, and has its addresses. */
  readonly command: 'PROXY' | 'LOCAL';
  /** `'UNKNOWN'`: the header names no addresses, so the socket has those of the balancer. */
  readonly protocol: 'TCP4' | 'TCP6' | 'UNIX' | 'UNKNOWN';
  readonly source: ProxyEndpoint | undefined;
  /** What the client connected to. */
  readonly destination: ProxyEndpoint | undefined;
  /** The other end of the TCP connection; undefined for a Unix socket. */
  readonly balancer: ProxyEndpoint | undefined;
  /** Type 0x01. */
  readonly alpnProtocol: string | undefined;
  /** Type 0x02: the name that the client asked for. */
  readonly authority: string | undefined;
  /** Type 0x05. */
  readonly uniqueId: Buffer | undefined;
  /** Type 0x30. */
  readonly networkNamespace: string | undefined;
  /** AWS: the VPC endpoint that the client used (type 0xEA, subtype 1). */
  readonly vpcEndpointId: string | undefined;
  readonly tls: ProxyTls | undefined;
  /** All of them, in the header's order. */
  readonly tlvs: readonly ProxyTlv[];
}

export interface ProxyTlv {
  readonly type: number;
  readonly value: Buffer;
}

const ALPN = 0x01;
const AUTHORITY = 0x02;
const UNIQUE_ID = 0x05;
const TLS = 0x20;
const TLS_VERSION = 0x21;
const TLS_COMMON_NAME = 0x22;
const TLS_CIPHER = 0x23;
const TLS_SIGNATURE = 0x24;
const TLS_KEY = 0x25;
const NETWORK_NAMESPACE = 0x30;
const AWS = 0xea;
const AWS_VPC_ENDPOINT = 1;

/** The flags of the client, and the four bytes of the verification's result. */
const TLS_PREFIX = 5;
const USED_TLS = 1;
const HAS_CERTIFICATE = 2 | 4;

const protocols = ['UNKNOWN', 'TCP4', 'TCP6', 'UNIX'] as const;

const headers = new WeakMap<ProxyHeaderFacts, ProxyProtocolHeader>();

/** Gives a class `proxyProtocol`, which is read when first asked for: most servers need only the addresses. */
export function defineProxyProtocol(
  prototype: object,
  factsOf: (socket: unknown) => ProxyHeaderFacts | undefined,
): void {
  const get = function (this: unknown): ProxyProtocolHeader | undefined {
    const facts = factsOf(this);
    if (facts === undefined) return undefined;
    const header = headers.get(facts) ?? proxyHeaderOf(facts);
    if (header) headers.set(facts, header);
    return header;
  };
  Object.defineProperty(prototype, 'proxyProtocol', { get, configurable: true, enumerable: true });
}

/** Undefined: the connection began without a header. The engine has checked its form. */
function proxyHeaderOf(facts: ProxyHeaderFacts): ProxyProtocolHeader | undefined {
  if (facts.version === 0) return undefined;
  const protocol = protocols[facts.transport] ?? 'UNKNOWN';
  const isNamed = protocol !== 'UNKNOWN';
  const endpoint = (address: string, port: number): ProxyEndpoint | undefined =>
    isNamed ? { address, port: protocol === 'UNIX' ? undefined : port } : undefined;
  const tlvs = readTlvs(facts.tlvs);
  const value = (type: number): Buffer | undefined => tlvs.find((tlv) => tlv.type === type)?.value;
  const aws = value(AWS);
  return {
    version: facts.version === 1 ? 1 : 2,
    command: facts.isLocal ? 'LOCAL' : 'PROXY',
    protocol,
    source: endpoint(facts.source.host, facts.source.port),
    destination: endpoint(facts.destination.host, facts.destination.port),
    balancer: balancerOf(facts.balancer),
    alpnProtocol: value(ALPN)?.toString('latin1'),
    authority: value(AUTHORITY)?.toString(),
    uniqueId: value(UNIQUE_ID),
    networkNamespace: value(NETWORK_NAMESPACE)?.toString('latin1'),
    vpcEndpointId: aws?.[0] === AWS_VPC_ENDPOINT ? aws.toString('latin1', 1) : undefined,
    tls: tlsOf(value(TLS)),
    tlvs,
  };
}

function balancerOf({ host, port, family }: Address): ProxyEndpoint | undefined {
  return family === 0 ? undefined : { address: host, port };
}

function readTlvs(bytes: Buffer): ProxyTlv[] {
  const tlvs: ProxyTlv[] = [];
  for (let at = 0; at + 3 <= bytes.length;) {
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    tlvs.push({ type: bytes.readUInt8(at), value: bytes.subarray(at + 3, end) });
    at = end;
  }
  return tlvs;
}

function tlsOf(value: Buffer | undefined): ProxyTls | undefined {
  if (value === undefined) return undefined;
  const flags = value.readUInt8(0);
  const tlvs = readTlvs(value.subarray(TLS_PREFIX));
  const text = (type: number): string | undefined => tlvs.find((tlv) => tlv.type === type)?.value.toString();
  const hasCertificate = (flags & HAS_CERTIFICATE) !== 0;
  return {
    version: text(TLS_VERSION),
    cipher: text(TLS_CIPHER),
    commonName: text(TLS_COMMON_NAME),
    signatureAlgorithm: text(TLS_SIGNATURE),
    keyAlgorithm: text(TLS_KEY),
    encrypted: (flags & USED_TLS) !== 0,
    hasCertificate,
    verified: hasCertificate && value.readUInt32BE(1) === 0,
  };
}
