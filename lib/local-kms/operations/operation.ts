import type { ArnScope } from '../store/arn.ts';
import { KmsException, notFoundException } from '../store/errors.ts';
import type { KeyRecord } from '../store/key-record.ts';
import type { ImportTokens } from '../store/import-tokens.ts';
import type { KeyStore, StoredKey } from '../store/key-store.ts';
import { list, parseRequest, string, type Input, type Shape } from '../request/request-shape.ts';

/** What operations work on. */
export interface Kms {
  readonly store: KeyStore;
  /** The key with this id: the store's, unless an operation is made to work with another. */
  readonly key: (keyId: string) => StoredKey | undefined;
  readonly arns: ArnScope;
  readonly importTokens: ImportTokens;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What an operation answers: a JSON object, or nothing (an empty body). */
export type Answer = Readonly<Record<string, unknown>> | undefined;

/** One action of the KMS API. */
export interface Operation {
  readonly name: string;
  /** Throws, or rejects with, a `KmsException`. */
  run(request: unknown, kms: Kms): Answer | Promise<Answer>;
}

/** An operation from the shape of its request and what it does with it. */
export function operation<S extends Shape>(
  name: string,
  shape: S,
  run: (input: Input<S>, kms: Kms) => Answer | Promise<Answer>,
): Operation {
  return { name, run: (request, kms) => run(parseRequest(shape, request), kms) };
}

/** `KeyId` of every request. */
export const keyIdMember = string({ min: 1, max: 2048 });

export const grantTokensMember = list(string({ min: 1, max: 8192 }), 10);

/** There are no grants here, so no grant token is valid. */
export function refuseGrantTokens(grantTokens: readonly string[] | undefined): void {
  if (grantTokens !== undefined && grantTokens.length > 0)
    throw new KmsException('InvalidGrantTokenException');
}

/**
 * The key that a request names by key id, key ARN, alias name or alias ARN; by the first two only when `aliases` is
 * false. Throws `NotFoundException`.
 */
export function findKey(kms: Kms, identifier: string, operationName: string, aliases: boolean): StoredKey {
  const parsed = kms.arns.parse(identifier, operationName);
  if ('keyId' in parsed) {
    const key = kms.key(parsed.keyId);
    if (key === undefined) throw notFoundException(`Key '${kms.arns.keyArn(parsed.keyId)}' does not exist`);
    return key;
  }
  if (!aliases) throw notFoundException(`Invalid keyId '${identifier}'`);
  const alias = kms.store.alias(parsed.aliasName);
  const key = alias === undefined ? undefined : kms.key(alias.targetKeyId);
  if (key === undefined)
    throw notFoundException(`Alias ${kms.arns.aliasArn(parsed.aliasName)} is not found.`);
  return key;
}

/** Changes a key that was found before: it may have been deleted since. */
export function changeKey(
  kms: Kms,
  keyId: string,
  change: (record: KeyRecord, arn: string) => KeyRecord,
): Promise<void> {
  const arn = kms.arns.keyArn(keyId);
  return kms.store.changeKey(keyId, (record) => {
    if (record === undefined) throw notFoundException(`Key '${arn}' does not exist`);
    return change(record, arn);
  });
}

/** Refuses keys pending deletion: most operations cannot use them ("Key states of AWS KMS keys"). */
export function refusePendingDeletion(record: KeyRecord, arn: string): void {
  if (record.keyState === 'PendingDeletion') {
    throw new KmsException('KMSInvalidStateException', `${arn} is pending deletion.`);
  }
}

/** Refuses keys whose material is not imported. */
export function refusePendingImport(record: KeyRecord, arn: string): void {
  if (record.keyState === 'PendingImport') {
    throw new KmsException('KMSInvalidStateException', `${arn} is pending import.`);
  }
}

/** Refuses keys that are not enabled: cryptographic operations need an enabled one. */
export function requireEnabled(record: KeyRecord, arn: string): void {
  refusePendingDeletion(record, arn);
  refusePendingImport(record, arn);
  if (record.keyState === 'Disabled') throw new KmsException('DisabledException', `${arn} is disabled.`);
}

export function dryRunException(): KmsException {
  return new KmsException(
    'DryRunOperationException',
    'The request would have succeeded, but the DryRun option is set.',
  );
}

/** Timestamps on the wire: epoch seconds, to the millisecond. */
export function timestamp(milliseconds: number): number {
  return milliseconds / 1000;
}
