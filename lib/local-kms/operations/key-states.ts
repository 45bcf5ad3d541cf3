import { KmsException, validationException } from '../store/errors.ts';
import type { KeyRecord, KeyState } from '../store/key-record.ts';
import { integer, required } from '../request/request-shape.ts';
import {
  changeKey,
  findKey,
  keyIdMember,
  operation,
  refusePendingDeletion,
  timestamp,
  type Operation,
} from './operation.ts';

/**
 * The life of a key (https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html): Enabled ⇄ Disabled; either
 * → PendingDeletion → (cancelled) Disabled, or deleted when its date has passed.
 */

const millisecondsPerDay = 24 * 60 * 60 * 1000;

/** The same key in another state, without a deletion date. */
function inState(record: KeyRecord, keyState: KeyState): KeyRecord {
  const changed: { -readonly [K in keyof KeyRecord]: KeyRecord[K] } = { ...record, keyState };
  delete changed.deletionDate;
  return changed;
}

function stateChange(name: 'EnableKey' | 'DisableKey', keyState: KeyState): Operation {
  return operation(name, { KeyId: required(keyIdMember) }, async (input, kms) => {
    const { keyId } = findKey(kms, input.KeyId, name, false).record;
    await changeKey(kms, keyId, (record, arn) => {
      refusePendingDeletion(record, arn);
      return inState(record, keyState);
    });
    return undefined;
  });
}

export const enableKey = stateChange('EnableKey', 'Enabled');
export const disableKey = stateChange('DisableKey', 'Disabled');

export const scheduleKeyDeletion = operation(
  'ScheduleKeyDeletion',
  { KeyId: required(keyIdMember), PendingWindowInDays: integer(1, 365) },
  async (input, kms) => {
    const { PendingWindowInDays: days = 30 } = input;
    const { keyId } = findKey(kms, input.KeyId, 'ScheduleKeyDeletion', false).record;
    if (days < 7 || days > 30) throw validationException('PendingWindowInDays must be between 7 and 30');
    const deletionDate = kms.now() + days * millisecondsPerDay;
    await changeKey(kms, keyId, (record, arn) => {
      refusePendingDeletion(record, arn);
      return { ...record, keyState: 'PendingDeletion', deletionDate };
    });
    return {
      KeyId: kms.arns.keyArn(keyId),
      DeletionDate: timestamp(deletionDate),
      KeyState: 'PendingDeletion',
      PendingWindowInDays: days,
    };
  },
);

export const cancelKeyDeletion = operation(
  'CancelKeyDeletion',
  { KeyId: required(keyIdMember) },
  async (input, kms) => {
    const { keyId } = findKey(kms, input.KeyId, 'CancelKeyDeletion', false).record;
    await changeKey(kms, keyId, (record, arn) => {
      if (record.keyState !== 'PendingDeletion') {
        throw new KmsException('KMSInvalidStateException', `${arn} is not pending deletion.`);
      }
      return inState(record, 'Disabled');
    });
    return { KeyId: kms.arns.keyArn(keyId) };
  },
);
