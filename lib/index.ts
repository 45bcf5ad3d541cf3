/**
 * TLS for Node whose private key never enters the process.
 *
 * @module s2n-pkey
 */
export { attach, AttachError } from './tls/attach.ts';
export { createServer, TlsServer } from './tls/create-server.ts';
export { createSecureContext, SecureContext, type SecureContextOptions } from './tls/secure-context.ts';
export { servedCertificates, type ServedCertificate } from './tls/served-certificates.ts';
export {
  watchCertificate,
  CertificateWatch,
  type SwappedCertificate,
  type WatchCertificateOptions,
} from './tls/watch-certificate.ts';
export type { IdentityOptions } from './tls/identity.ts';
export { connect } from './tls/connect.ts';
export { Agent, type AgentOptions } from './tls/agent.ts';
export {
  buildConnector,
  type ConnectorCallback,
  type ConnectorOptions,
  type ConnectorRequest,
} from './tls/build-connector.ts';
export type { CheckServerIdentity, ConnectOptions } from './tls/client-options.ts';
export { TlsSocket } from './tls/tls-socket.ts';
export type { CipherInfo } from './tls/cipher-info.ts';
export { diagnostics, type EngineDiagnostics } from './tls/diagnostics.ts';
export { TlsConnectionError } from './tls/connection-error.ts';
export type { TlsServerOptions } from './tls/server-options.ts';
export { LocalKeySigner } from './signer/local-key-signer.ts';
export { KmsSigner, type KmsSignerOptions } from './kms/kms-signer.ts';
export { openReplicas, ReplicatedSigner, type ReplicasOptions } from './kms/replicated-signer.ts';
export { KmsError } from './kms/kms-error.ts';
export { describeKey, findKey, type KmsKey } from './kms/key.ts';
export { createKey, findOrCreateKey } from './kms/key-creation.ts';
export { scheduleKeyDeletion, type ScheduledDeletion } from './kms/key-deletion.ts';
export { listKeysByTag } from './kms/tagged-keys.ts';
export {
  createSelfSignedCertificate,
  type SelfSignedCertificateOptions,
} from './certificate/self-signed-certificate.ts';
export {
  createCertificateRequest,
  type CertificateRequestOptions,
} from './certificate/certificate-request.ts';
export { CircuitOpenError, type CircuitBreakerOptions } from './admission/circuit-breaker.ts';
export { SignatureAdmission } from './admission/signature-admission.ts';
export type { AddressLimits, SignatureLimits } from './admission/signature-limits.ts';
export { SignaturesLimitedError } from './admission/signatures-limited-error.ts';
export type {
  HandshakeEndMessage,
  HandshakeStartMessage,
  KmsAttemptMessage,
  SignatureEndMessage,
  SignatureStartMessage,
} from './channels/handshake-messages.ts';
export type { PrivateKeyOperation, SignatureQuota, Signer, SignOptions } from './signer/signer.ts';
export { checkOperation } from './signer/operation-check.ts';
export { derOfRawEcdsa } from './signer/ecdsa-signature.ts';
export { digestInfo } from './signer/digest-info.ts';
export { fitEcdsaDigest } from './signer/ecdsa-digest.ts';
export type { InputKind, SignatureScheme, SignatureSchemeFacts } from './signer/signature-scheme.ts';
export { preflight, type PreflightOptions, type PreflightReport } from './doctor/preflight.ts';
export { rollover, type Rollover, type RolloverOptions } from './doctor/rollover.ts';
export { PreflightError, type Finding } from './doctor/finding.ts';
export type { Agreement } from './doctor/agreement.ts';
export type { ProtocolVersion } from './tls/protocol-versions.ts';
export { InvalidOptionError, KeyMismatchError, S2nPkeyError, SignerError } from './errors.ts';
