import { KmsException, validationException } from '../store/errors.ts';
import { inState, type KeyState } from '../store/key-record.ts';
import { integer, required } from '../request/request-shape.ts';
import {
  changeKey,
  findKey,
  keyIdMember,
  operation,
  refusePendingDeletion,
  refusePendingImport,
  timestamp,
  type Operation,
} from './operation.ts';

/**
 * The life of a key (https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html): Enabled ⇄ Disabled; either
 * → PendingDeletion → (cancelled) Disabled, or deleted when its date has passed. A key without its imported material is PendingImport.
 */

const millisecondsPerDay = 24 * 60 * 60 * 1000;

function stateChange(name: 'EnableKey' | 'DisableKey', keyState: KeyState): Operation {
  return operation(name, { KeyId: required(keyIdMember) }, async (input, kms) => {
    const { keyId } = findKey(kms, input.KeyId, name, false).record;
    await changeKey(kms, keyId, (record, arn) => {
      refusePendingDeletion(record, arn);
      refusePendingImport(record, arn);
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
      return inState(record, record.material === undefined ? 'PendingImport' : 'Disabled');
    });
    return { KeyId: kms.arns.keyArn(keyId) };
  },
);
