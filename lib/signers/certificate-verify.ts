import { createHash, type KeyObject } from 'node:crypto';
import { messageRepresentative } from './ml-dsa.ts';
import type { SignatureSchemeFacts } from './signature-scheme.ts';

/** The side of a handshake that signs. */
export type HandshakeRole = 'server' | 'client';

/**
 * What comes before the transcript hash in the content of a CertificateVerify of TLS 1.3 (RFC 8446 §4.4.3). Nothing but a handshake
 * of TLS 1.3 signs a message that begins so, which is what it is for.
 */
const prefixes: Readonly<Record<HandshakeRole, Buffer>> = {
  server: prefixOf('server'),
  client: prefixOf('client'),
};

function prefixOf(role: HandshakeRole): Buffer {
  return Buffer.from(`${' '.repeat(64)}TLS 1.3, ${role} CertificateVerify\0`, 'latin1');
}

/** Bytes of the transcript hash: SHA-256 or SHA-384, by the cipher suite. */
const transcriptLengths: readonly number[] = [32, 48];

/** The content that a CertificateVerify signs; undefined without a transcript hash, as in TLS 1.2. */
export function certificateVerifyContent(
  role: HandshakeRole,
  transcriptHash: Uint8Array,
): Buffer | undefined {
  return transcriptHash.length === 0 ? undefined : Buffer.concat([prefixes[role], transcriptHash]);
}

/** Whose CertificateVerify of TLS 1.3 signs this content; undefined if none does. */
export function roleOfContent(content: Uint8Array): HandshakeRole | undefined {
  return (['server', 'client'] as const).find((role) => {
    const prefix = prefixes[role];
    return (
      transcriptLengths.includes(content.length - prefix.length) &&
      prefix.equals(content.subarray(0, prefix.length))
    );
  });
}

/** What a private-key operation of this scheme signs for a message. */
export function inputOfMessage(
  facts: SignatureSchemeFacts,
  publicKey: KeyObject,
  message: Uint8Array,
): Buffer {
  return facts.hash === undefined
    ? messageRepresentative(publicKey.export({ format: 'der', type: 'spki' }), message)
    : createHash(facts.hash).update(message).digest();
}
