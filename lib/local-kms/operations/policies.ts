import type { ArnScope } from '../store/arn.ts';
import { KmsException, notFoundException } from '../store/errors.ts';
import { boolean, required, string } from '../request/request-shape.ts';
import { changeKey, findKey, keyIdMember, operation } from './operation.ts';
import { limitMember, markerMember, paginate } from './pagination.ts';

/** Key policies are kept and given back here, and enforced by `authorize` for what keys are used for. */

export const policyMember = string({
  min: 1,
  max: 131072,
  pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+',
});
const policyNameMember = string({ min: 1, max: 128, pattern: '[\\w]+' });

/** Quota "Key policy document size", in bytes. */
const longestPolicy = 32 * 1024;

/** The policy of a key that is made without one: the account may do everything. Spaced as the real service does. */
export function defaultPolicy(arns: ArnScope): string {
  return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "${arns.rootArn}"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`;
}

/** Refuses what cannot be a policy: no JSON object with statements, or too long. */
export function checkPolicy(policy: string): void {
  if (Buffer.byteLength(policy) > longestPolicy) {
    throw new KmsException('LimitExceededException', `A key policy can have at most ${longestPolicy} bytes.`);
  }
  let document: unknown;
  try {
    document = JSON.parse(policy);
  } catch {
    throw new KmsException('MalformedPolicyDocumentException', 'The policy is not valid JSON.');
  }
  if (typeof document !== 'object' || document === null || !('Statement' in document)) {
    throw new KmsException('MalformedPolicyDocumentException', 'The policy has no Statement.');
  }
}

function refuseOtherPolicyName(policyName: string | undefined): void {
  if (policyName !== undefined && policyName !== 'default') throw notFoundException('No such policy exists');
}

export const putKeyPolicy = operation(
  'PutKeyPolicy',
  {
    KeyId: required(keyIdMember),
    PolicyName: policyNameMember,
    Policy: required(policyMember),
    BypassPolicyLockoutSafetyCheck: boolean,
  },
  async (input, kms) => {
    const { keyId } = findKey(kms, input.KeyId, 'PutKeyPolicy', false).record;
    refuseOtherPolicyName(input.PolicyName);
    checkPolicy(input.Policy);
    await changeKey(kms, keyId, (record) => ({ ...record, policy: input.Policy }));
    return undefined;
  },
);

export const getKeyPolicy = operation(
  'GetKeyPolicy',
  { KeyId: required(keyIdMember), PolicyName: policyNameMember },
  (input, kms) => {
    const { record } = findKey(kms, input.KeyId, 'GetKeyPolicy', false);
    refuseOtherPolicyName(input.PolicyName);
    return { Policy: record.policy, PolicyName: 'default' };
  },
);

export const listKeyPolicies = operation(
  'ListKeyPolicies',
  { KeyId: required(keyIdMember), Limit: limitMember, Marker: markerMember },
  (input, kms) => {
    findKey(kms, input.KeyId, 'ListKeyPolicies', false);
    const { items, truncation } = paginate(['default'], (name) => name, input, 100);
    return { PolicyNames: items, ...truncation };
  },
);
