/** Every interface of options that the package exports: its schema, and a call that takes such options. */
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import {
  Agent,
  attach,
  buildConnector,
  connect,
  createCertificateRequest,
  createKey,
  createSecureContext,
  createSelfSignedCertificate,
  createServer,
  findOrCreateKey,
  FileTicketKeys,
  FleetTicketKeys,
  importKey,
  KmsSigner,
  KmsTicketKeys,
  LocalKeySigner,
  openReplicas,
  preflight,
  rollover,
  SignatureAdmission,
  VaultTicketKeys,
  watchCertificate,
} from '../../lib/index.ts';
import { certifiedSchema } from '../../lib/certificate/certified.ts';
import { certificateRequestSchema } from '../../lib/certificate/certificate-request.ts';
import { selfSignedSchema } from '../../lib/certificate/self-signed-certificate.ts';
import { validitySchema } from '../../lib/certificate/validity.ts';
import { preflightSchema } from '../../lib/doctor/preflight.ts';
import { rolloverSchema } from '../../lib/doctor/rollover.ts';
import { fileTicketKeysSchema } from '../../lib/fleet/file-ticket-keys.ts';
import { vaultTicketKeysSchema } from '../../lib/fleet/vault-ticket-keys.ts';
import { vaultKeySchema } from '../../lib/signers/vault/vault-key-options.ts';
import { kmsTicketKeysSchema } from '../../lib/fleet/kms-ticket-keys.ts';
import { localKmsSchema, startLocalKms } from '../../lib/local-kms/start.ts';
import { logSchema, logTo } from '../../lib/observe/log/log.ts';
import { clusterMetrics, clusterMetricsSchema } from '../../lib/observe/cluster-metrics.ts';
import { observeWithOpenTelemetry, openTelemetrySchema } from '../../lib/observe/opentelemetry.ts';
import { prometheusMetrics, prometheusSchema } from '../../lib/observe/prometheus.ts';
import { health, healthSchema } from '../../lib/operate/health.ts';
import { healthHandler, healthHandlerSchema } from '../../lib/operate/health-handler.ts';
import { drain, drainSchema } from '../../lib/operate/drain.ts';
import { fleetSchema } from '../../lib/tls/context/fleet-ticket-keys.ts';
import type { Schema } from '../../lib/options/option.ts';
import { circuitBreakerSchema } from '../../lib/signers/admission/circuit-breaker.ts';
import {
  addressLimitsSchema,
  connectionLimitsSchema,
  servedLimitsSchema,
  signatureLimitsSchema,
} from '../../lib/signers/admission/signature-limits.ts';
import { AzureSigner, azureSchema } from '../../lib/signers/azure/azure-signer.ts';
import {
  signerConformance,
  signerConformanceSchema,
} from '../../lib/signers/conformance/signer-conformance.ts';
import { GoogleSigner, googleSchema } from '../../lib/signers/google/google-signer.ts';
import { kmsClientSchema } from '../../lib/signers/kms/client/kms-client.ts';
import { importKeySchema } from '../../lib/signers/kms/import/import-options.ts';
import { createKeySchema, findOrCreateKeySchema } from '../../lib/signers/kms/keys/key-creation.ts';
import { kmsSchema, signingLimitSchema } from '../../lib/signers/kms/kms-signer-options.ts';
import { replicasSchema } from '../../lib/signers/kms/replicated-signer.ts';
import { localKeySchema } from '../../lib/signers/local-key-signer.ts';
import { Pkcs11Signer, pkcs11Schema } from '../../lib/signers/pkcs11/pkcs11-signer.ts';
import { reloadSchema, serveSchema } from '../../lib/signers/socket/serve-signer-options.ts';
import { serveSigner, SocketSigner, socketSignerSchema } from '../../lib/signers/socket/socket-signer.ts';
import { VaultSigner, vaultSchema } from '../../lib/signers/vault/vault-signer.ts';
import { agentSchema } from '../../lib/tls/client/agent.ts';
import { connectorSchema } from '../../lib/tls/client/build-connector.ts';
import { clientContextSchema } from '../../lib/tls/client/client-context.ts';
import { connectSchema } from '../../lib/tls/client/client-options.ts';
import { identitySchema } from '../../lib/tls/context/identity.ts';
import { clientCertificateSchema } from '../../lib/tls/context/peer-verification.ts';
import { versionSchema } from '../../lib/tls/context/protocol-versions.ts';
import { secureContextSchema } from '../../lib/tls/context/secure-context.ts';
import { sessionSchema } from '../../lib/tls/context/session-options.ts';
import { trustSchema } from '../../lib/tls/context/trust.ts';
import { clientHelloSchema } from '../../lib/tls/handshake/client-hello.ts';
import { tlsServerSchema } from '../../lib/tls/server/server-options.ts';
import { proxyProtocolSchema } from '../../lib/tls/server/proxy-protocol.ts';
import { watchSchema } from '../../lib/tls/server/watch-options.ts';
import { onReadSchema } from '../../lib/tls/socket/on-read.ts';
import { identity } from '../fixtures/identity.ts';

export interface PublicOptions {
  readonly schema: Schema;
  /** Calls with right options and these over them. Not there: a part of a larger interface, which has the call. */
  readonly use?: (options: object) => unknown;
  /** Where these options stand in those of the call, such as `hedging.`. */
  readonly place?: string;
  /** Names that the call does not know are for Node or a framework, which share the object. */
  readonly isOpen?: true;
  /** Options that the call only passes on, and reports in its own way. */
  readonly passesOn?: readonly string[];
}

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });
const pair = { cert, signer };
/** No request is made: options are read first. */
const kms = { send: () => Promise.reject(new Error('no KMS')) } as never;
const transit = { key: 'k', address: 'http://127.0.0.1:9', token: 't' };
const keyId = 'alias/site';

function connecting(options: object): unknown {
  const socket = connect({ ...pair, port: 1, host: '127.0.0.1', ...options });
  socket.on('error', () => undefined).destroy();
  return undefined;
}

async function withServer(use: (server: Server) => unknown): Promise<unknown> {
  const server = createServer(pair);
  try {
    return await use(server);
  } finally {
    server.close();
  }
}

function connector(options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = { hostname: '127.0.0.1', protocol: 'https:', port: '1' };
    buildConnector({ ...pair, ...options })(request, (error) => (error ? reject(error) : resolve()));
  });
}

function agent(options: object): void {
  const own = new Agent(options);
  const socket = own.createConnection({ ...pair, host: '127.0.0.1', port: 1, ...options });
  socket?.on('error', () => undefined).destroy();
  own.destroy();
}

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const ofServer = Object.keys(tlsServerSchema).filter((name) => name !== 'signer');

export const publicOptions: Readonly<Record<string, PublicOptions>> = {
  TlsServerOptions: {
    schema: tlsServerSchema,
    use: (options) => attach(createHttpsServer(), { ...pair, ...options }),
    isOpen: true,
  },
  SecureContextOptions: {
    schema: secureContextSchema,
    use: (options) => createSecureContext({ ...pair, ...options }),
    isOpen: true,
  },
  IdentityOptions: { schema: identitySchema },
  ClientCertificateOptions: { schema: clientCertificateSchema },
  SessionOptions: { schema: sessionSchema },
  ClientHelloOptions: { schema: clientHelloSchema },
  TrustOptions: { schema: trustSchema },
  ProtocolVersionOptions: { schema: versionSchema },
  WatchCertificateOptions: {
    schema: watchSchema,
    use: (options) => withServer((server) => watchCertificate(server, { cert: '/none', signer, ...options })),
    // A certificate that is not there is reported before the context's own options are.
    passesOn: Object.keys(secureContextSchema).filter((name) => name !== 'cert' && name !== 'signer'),
  },
  ConnectOptions: { schema: connectSchema, use: connecting, isOpen: true },
  ClientContextOptions: { schema: clientContextSchema },
  OnReadOptions: {
    schema: onReadSchema,
    use: (onread) => connecting({ onread: { buffer: Buffer.alloc(1), callback: () => true, ...onread } }),
    place: 'onread.',
    isOpen: true,
  },
  AgentOptions: { schema: agentSchema, use: agent, isOpen: true },
  ConnectorOptions: { schema: connectorSchema, use: connector, isOpen: true },
  DrainOptions: { schema: drainSchema, use: (options) => withServer((server) => drain(server, options)) },
  LocalKeySignerOptions: {
    schema: localKeySchema,
    use: (options) => new LocalKeySigner({ key, ...options }),
  },
  KmsSignerOptions: {
    schema: kmsSchema,
    use: (options) => KmsSigner.open({ keyId, client: kms, ...options }),
  },
  KmsClientOptions: { schema: kmsClientSchema },
  SigningLimitOptions: { schema: signingLimitSchema },
  CircuitBreakerOptions: {
    schema: circuitBreakerSchema,
    use: (circuitBreaker) => KmsSigner.open({ keyId, client: kms, circuitBreaker }),
    place: 'circuitBreaker.',
  },
  ReplicasOptions: {
    schema: replicasSchema,
    use: (options) =>
      openReplicas({
        replicas: [
          { keyId, client: kms },
          { keyId, client: kms },
        ],
        ...options,
      }),
  },
  KmsTicketKeysOptions: {
    schema: kmsTicketKeysSchema,
    use: (options) => KmsTicketKeys.open({ keyId, client: kms, ...options }),
  },
  VaultTicketKeysOptions: {
    schema: vaultTicketKeysSchema,
    use: (options) => VaultTicketKeys.open({ ...transit, ...options }),
  },
  VaultKeyOptions: {
    schema: vaultKeySchema,
    use: (options) => VaultTicketKeys.open({ ...transit, ...options }),
  },
  FileTicketKeysOptions: {
    schema: fileTicketKeysSchema,
    use: (options) => FileTicketKeys.open({ file: '/nonexistent/tickets.key', ...options }),
  },
  FleetTicketKeysOptions: {
    schema: fleetSchema,
    use: (options) => new FleetTicketKeys({ secretOf: () => Promise.reject(new Error('away')) }, options),
  },
  ImportKeyOptions: {
    schema: importKeySchema,
    use: (options) => importKey(kms, { key, alias: keyId, ...options }),
  },
  CreateKeyOptions: { schema: createKeySchema, use: (options) => createKey(kms, options) },
  FindOrCreateKeyOptions: {
    schema: findOrCreateKeySchema,
    use: (options) => findOrCreateKey(kms, { alias: keyId, ...options }),
  },
  SelfSignedCertificateOptions: {
    schema: selfSignedSchema,
    use: (options) => createSelfSignedCertificate({ signer, subject: 'CN=a.example', ...options }),
  },
  CertificateRequestOptions: {
    schema: certificateRequestSchema,
    use: (options) => createCertificateRequest({ signer, subject: 'CN=a.example', ...options }),
  },
  CertifiedOptions: { schema: certifiedSchema },
  ValidityOptions: { schema: validitySchema },
  SignatureLimits: {
    schema: signatureLimitsSchema,
    use: (limits) => new SignatureAdmission(limits),
    place: 'signatureLimits.',
  },
  AddressLimits: {
    schema: addressLimitsSchema,
    use: (perAddress) => attach(createHttpsServer(), { ...pair, signatureLimits: { perAddress } }),
    place: 'signatureLimits.perAddress.',
  },
  PreflightOptions: {
    schema: preflightSchema,
    use: (options) => preflight({ ...pair, ...options }),
    isOpen: true,
    passesOn: ofServer,
  },
  RolloverOptions: {
    schema: rolloverSchema,
    use: (options) => withServer((server) => rollover(server, { ...pair, ...options })),
    passesOn: ofServer,
  },
  SignerConformanceOptions: {
    schema: signerConformanceSchema,
    use: (options) => signerConformance({ open: () => signer, ...options }),
  },
  ServeSignerOptions: {
    schema: serveSchema,
    use: (options) => serveSigner({ signer, path: '/none/x', ...options }),
  },
  ServedOptions: { schema: reloadSchema },
  ServedSignatureLimits: {
    schema: servedLimitsSchema,
    use: (signatureLimits) => serveSigner({ signer, path: '/none/x', signatureLimits }),
    place: 'signatureLimits.',
  },
  ConnectionLimits: {
    schema: connectionLimitsSchema,
    use: (perConnection) => serveSigner({ signer, path: '/none/x', signatureLimits: { perConnection } }),
    place: 'signatureLimits.perConnection.',
  },
  SocketSignerOptions: {
    schema: socketSignerSchema,
    use: (options) => SocketSigner.open({ path: '/none/x', ...options }),
  },
  Pkcs11SignerOptions: {
    schema: pkcs11Schema,
    use: (options) => Pkcs11Signer.open({ module: '/none', tokenLabel: 't', label: 'x', ...options }),
  },
  VaultSignerOptions: {
    schema: vaultSchema,
    use: (options) => VaultSigner.open({ ...transit, ...options }),
  },
  AzureSignerOptions: {
    schema: azureSchema,
    use: (options) =>
      AzureSigner.open({
        keyId: 'https://v.vault.azure.net/keys/k',
        credential: { getToken: () => null },
        ...options,
      } as never),
  },
  GoogleSignerOptions: {
    schema: googleSchema,
    use: (options) =>
      GoogleSigner.open({
        keyVersion: 'projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1',
        ...options,
      }),
  },
  HealthOptions: { schema: healthSchema, use: (options) => health({ signers: [signer], ...options }) },
  HealthHandlerOptions: {
    schema: healthHandlerSchema,
    use: (options) => healthHandler({ signers: [signer] }, options),
  },
  ClusterMetricsOptions: {
    schema: clusterMetricsSchema,
    use: (options) => {
      clusterMetrics(options).close();
    },
  },
  ProxyProtocolOptions: {
    schema: proxyProtocolSchema,
    use: (proxyProtocol) =>
      createServer({ ...pair, proxyProtocol: { from: ['10.0.0.0/8'], ...proxyProtocol } }),
    place: 'proxyProtocol.',
  },
  LogOptions: { schema: logSchema, use: (options) => logTo(quiet, options).close() },
  PrometheusOptions: { schema: prometheusSchema, use: (options) => prometheusMetrics(options).close() },
  OpenTelemetryOptions: {
    schema: openTelemetrySchema,
    use: (options) => observeWithOpenTelemetry(options).close(),
  },
  LocalKmsOptions: { schema: localKmsSchema, use: (options) => startLocalKms({ port: 0, ...options }) },
};

/** Interfaces that no function of this package reads, and why. */
export const withoutSchema: Readonly<Record<string, string>> = {
  SignOptions: 'this package passes them to signers',
  S2nPkeyErrorOptions: 'those of an Error',
};
