import { createHash, randomBytes, type KeyObject } from 'node:crypto';
import { describeValue } from '../../errors.ts';
import { messageRepresentative } from '../ml-dsa.ts';
import { signatureSchemeByName, type SignatureSchemeFacts } from '../signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from '../signer.ts';
import { ConformanceError } from './conformance-error.ts';

/** An operation, and the message that it signs. */
export interface Asked {
  readonly facts: SignatureSchemeFacts;
  readonly message: Uint8Array;
  readonly operation: PrivateKeyOperation;
}

/** The schemes of a signer, each one of the table. */
export function schemesOf(signer: Signer): SignatureSchemeFacts[] {
  return signer.schemes.map((name) => {
    const facts = signatureSchemeByName(name);
    if (facts === undefined) {
      throw new ConformanceError(
        `schemes: ${describeValue(name)} is not a signature scheme by its IANA name, such as 'ecdsa_secp384r1_sha384'`,
      );
    }
    return facts;
  });
}

/** An operation under this scheme over a message that nobody signed before. */
export function askFor(facts: SignatureSchemeFacts, publicKey: KeyObject): Asked {
  const message = randomBytes(130); // As long as what TLS 1.3 has signed with SHA-256 (RFC 8446 §4.4.3).
  const input =
    facts.hash === undefined
      ? messageRepresentative(publicKey.export({ format: 'der', type: 'spki' }), message)
      : createHash(facts.hash).update(message).digest();
  return { facts, message, operation: { scheme: facts.name, input, inputKind: facts.inputKind } };
}

/** What `sign` resolves to; a ConformanceError when it is no bytes, rejects, or takes too long. */
export async function signatureFrom(
  signer: Signer,
  { facts, operation }: Asked,
  patience: number,
): Promise<Uint8Array> {
  let signature: unknown;
  try {
    signature = await settled(patience, facts.name, () => signer.sign(operation, {}));
  } catch (cause) {
    if (cause instanceof ConformanceError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConformanceError(
      `${facts.name}: it is in schemes, and sign must be able to do it; it failed: ${reason}`,
      { cause },
    );
  }
  if (!(signature instanceof Uint8Array)) {
    throw new ConformanceError(
      `${facts.name}: sign must resolve to a Uint8Array; it gave ${describeValue(signature)}`,
    );
  }
  return signature;
}

/** What `sign` rejects with; a ConformanceError when it throws at once, is fulfilled, or takes too long. */
export async function rejectionFrom(
  signer: Signer,
  what: string,
  patience: number,
  operation: PrivateKeyOperation,
  options: SignOptions = {},
): Promise<unknown> {
  try {
    await settled(patience, what, () => signer.sign(operation, options));
  } catch (error) {
    if (error instanceof ConformanceError) throw error;
    return error;
  }
  throw new ConformanceError(`${what}: sign must reject; it was fulfilled`);
}

/** The outcome of `act`, which must give a promise that is settled in time. */
export async function settled<T>(patience: number, what: string, act: () => Promise<T>): Promise<T> {
  let promise: Promise<T>;
  try {
    promise = act();
  } catch (cause) {
    throw new ConformanceError(
      `${what}: sign must return a promise that rejects; it threw instead: make it an async method`,
      { cause },
    );
  }
  if (typeof (promise as Partial<Promise<T>> | undefined)?.then !== 'function') {
    throw new ConformanceError(`${what}: sign must return a promise; it returned ${describeValue(promise)}`);
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new ConformanceError(`${what}: sign was neither fulfilled nor rejected within ${patience} ms`),
        ),
      patience,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
