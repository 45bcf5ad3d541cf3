/**
 * TLS for Node whose private key never enters the process.
 *
 * @module s2n-pkey
 */
export { attach, AttachError } from './tls/server/attach.ts';
export { createServer, TlsServer } from './tls/server/create-server.ts';
export {
  createSecureContext,
  SecureContext,
  type SecureContextOptions,
} from './tls/context/secure-context.ts';
export { servedCertificates, type ServedCertificate } from './tls/server/served-certificates.ts';
export {
  watchCertificate,
  CertificateWatch,
  type CertificateWatchEvents,
  type SwappedCertificate,
  type WatchCertificateOptions,
} from './tls/server/watch-certificate.ts';
export type { IdentityOptions } from './tls/context/identity.ts';
export { connect } from './tls/client/connect.ts';
export { Agent, type AgentOptions } from './tls/client/agent.ts';
export {
  buildConnector,
  type ConnectorCallback,
  type ConnectorOptions,
  type ConnectorRequest,
} from './tls/client/build-connector.ts';
export type { ClientContextOptions } from './tls/client/client-context.ts';
export type { CheckServerIdentity, ConnectOptions } from './tls/client/client-options.ts';
export type {
  AcceptMessage,
  BreakerMessage,
  CertificateMessage,
  DrainEndMessage,
  DrainStartMessage,
} from './observe/channels/operation-messages.ts';
export { logTo, type Logger, type Logging, type LogOptions } from './observe/log/log.ts';
export type { LogLevel } from './observe/log/log-events.ts';
export { drain, type DrainOptions, type DrainReport } from './operate/drain.ts';
export {
  health,
  type CertificateHealth,
  type Health,
  type HealthOptions,
  type ServerHealth,
  type SignerHealth,
} from './operate/health.ts';
export { healthHandler, type HealthHandler, type HealthHandlerOptions } from './operate/health-handler.ts';
export type { CutConnection } from './operate/cut-connection.ts';
export { TlsSocket } from './tls/socket/tls-socket.ts';
export type { HandshakeTiming } from './native/events.ts';
export type { CipherInfo } from './tls/socket/cipher-info.ts';
export { diagnostics, type EngineDiagnostics } from './tls/context/diagnostics.ts';
export type { OnReadOptions } from './tls/socket/on-read.ts';
export { TlsConnectionError } from './tls/socket/connection-error.ts';
export type { ClientHelloOptions } from './tls/handshake/client-hello.ts';
export type { ClientCertificateOptions } from './tls/context/peer-verification.ts';
export { FileTicketKeys, type FileTicketKeysOptions } from './fleet/file-ticket-keys.ts';
export {
  VaultTicketKeys,
  type NextTicketKeyVersion,
  type VaultFetch,
  type VaultFetchAnswer,
  type VaultKeyOptions,
  type VaultTicketKeysOptions,
  type VaultTokenOption,
} from './fleet/vault-ticket-keys.ts';
export { KmsTicketKeys, type KmsTicketKeysOptions, type NextTicketKey } from './fleet/kms-ticket-keys.ts';
export {
  FleetTicketKeys,
  type FleetTicketKeysEvents,
  type FleetTicketKeysOptions,
  type FleetTicketKeysState,
} from './tls/context/fleet-ticket-keys.ts';
export type { SharedTicketKeys, SessionOptions } from './tls/context/session-options.ts';
export type { EpochSecret, TicketEpoch, TicketKeySource } from './tls/context/ticket-key-source.ts';
export type { PemTexts, TrustOptions } from './tls/context/trust.ts';
export type { AlpnProtocols } from './tls/context/alpn-protocols.ts';
export type { TlsServerOptions } from './tls/server/server-options.ts';
export type { ProxyProtocolOptions } from './tls/server/proxy-protocol.ts';
export type { ProxyEndpoint, ProxyProtocolHeader, ProxyTls, ProxyTlv } from './tls/socket/proxy-header.ts';
export { LocalKeySigner, type LocalKeySignerOptions } from './signers/local-key-signer.ts';
export {
  KmsSigner,
  type Hedging,
  type KmsSignerOptions,
  type SigningLimitOptions,
} from './signers/kms/kms-signer.ts';
export { openReplicas, ReplicatedSigner, type ReplicasOptions } from './signers/kms/replicated-signer.ts';
export type { KmsClientOptions } from './signers/kms/client/kms-client.ts';
export { KmsError } from './signers/kms/client/kms-error.ts';
export { describeKey, findKey, type KmsKey } from './signers/kms/keys/key.ts';
export {
  createKey,
  findOrCreateKey,
  type CreateKeyOptions,
  type FindOrCreateKeyOptions,
} from './signers/kms/keys/key-creation.ts';
export {
  importKey,
  type ImportedKey,
  type ImportKeyOptions,
  type ImportStep,
} from './signers/kms/import/import-key.ts';
export { scheduleKeyDeletion, type ScheduledDeletion } from './signers/kms/keys/key-deletion.ts';
export { listKeysByTag, type Tag as KeyTag, type TaggedKeys } from './signers/kms/keys/tagged-keys.ts';
export {
  createSelfSignedCertificate,
  type SelfSignedCertificateOptions,
} from './certificate/self-signed-certificate.ts';
export {
  createCertificateRequest,
  type CertificateRequestOptions,
} from './certificate/certificate-request.ts';
export type { AlternativeNames } from './certificate/alternative-names.ts';
export type { CertifiedOptions, KeyUsage } from './certificate/certified.ts';
export type { DistinguishedName } from './certificate/distinguished-name.ts';
export type { ValidityOptions } from './certificate/validity.ts';
export { CircuitOpenError, type CircuitBreakerOptions } from './signers/admission/circuit-breaker.ts';
export { SignatureAdmission } from './signers/admission/signature-admission.ts';
export type { SignatureTurns } from './signers/admission/signature-turns.ts';
export type { PrefixLengths } from './signers/admission/address-prefix.ts';
export type {
  AddressLimits,
  CheckedAddressLimits,
  CheckedLimits,
  SignatureLimits,
} from './signers/admission/signature-limits.ts';
export { SignaturesLimitedError, type ReachedLimit } from './signers/admission/signatures-limited-error.ts';
export type {
  HandshakeEndMessage,
  HandshakeStartMessage,
  KmsAttemptMessage,
  SignatureEndMessage,
  SignatureStartMessage,
} from './observe/channels/handshake-messages.ts';
export type {
  PrivateKeyOperation,
  SignatureQuota,
  Signer,
  SignerState,
  SignOptions,
} from './signers/signer.ts';
export { checkOperation } from './signers/operation-check.ts';
export { derOfRawEcdsa } from './signers/ecdsa-signature.ts';
export { digestInfo } from './signers/digest-info.ts';
export { fitEcdsaDigest } from './signers/ecdsa-digest.ts';
export type { InputKind, SignatureScheme, SignatureSchemeFacts } from './signers/signature-scheme.ts';
export { preflight, type PreflightOptions, type PreflightReport } from './doctor/preflight.ts';
export { rollover, type Rollover, type RolloverOptions } from './doctor/rollover.ts';
export { PreflightError, type Finding } from './doctor/finding.ts';
export type { Agreement } from './doctor/agreement.ts';
export type { ProtocolVersion, ProtocolVersionOptions } from './tls/context/protocol-versions.ts';
export {
  InvalidOptionError,
  KeyMismatchError,
  S2nPkeyError,
  SignerError,
  type S2nPkeyErrorOptions,
} from './errors.ts';
export type { ErrorCode } from './error-codes/table.ts';
