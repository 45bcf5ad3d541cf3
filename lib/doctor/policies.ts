/** A policy in the JSON of IAM and KMS. */
export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Readonly<Record<string, unknown>>[];
}

export interface LeastPrivilege {
  /** For the server's role. */
  readonly iamPolicy: PolicyDocument;
  /** For the key: the account administers it, and only the server uses it. */
  readonly keyPolicy: PolicyDocument;
}

/** The placeholder for a role that is not known. */
export const roleToFillIn = 'ROLE_OF_THE_SERVER';

/**
 * The minimal permissions of a server with this key. `kms:Sign` has the conditions of the server's requests. `kms:GetPublicKey` does
 * not support them, so it has its own statement ("Condition keys for AWS KMS", AWS KMS Developer Guide). Only preflight and the
 * doctor need `kms:DescribeKey`.
 *
 * @param algorithms As `kms:SigningAlgorithm` names them.
 * @param role ARN of the role that the server runs as.
 */
export function leastPrivilege(keyArn: string, algorithms: readonly string[], role?: string): LeastPrivilege {
  const [, partition = 'aws', , , account = ''] = keyArn.split(':');
  const principal = { AWS: role ?? `arn:${partition}:iam::${account}:role/${roleToFillIn}` };
  const conditions = {
    StringEquals: { 'kms:SigningAlgorithm': [...algorithms], 'kms:MessageType': 'DIGEST' },
  };
  const use = (resource: string, who: object): Readonly<Record<string, unknown>>[] => [
    {
      Sid: 'SignHandshakes',
      Effect: 'Allow',
      ...who,
      Action: 'kms:Sign',
      Resource: resource,
      Condition: conditions,
    },
    { Sid: 'ReadPublicKey', Effect: 'Allow', ...who, Action: 'kms:GetPublicKey', Resource: resource },
    { Sid: 'PreflightAndDoctorOnly', Effect: 'Allow', ...who, Action: 'kms:DescribeKey', Resource: resource },
  ];
  return {
    iamPolicy: { Version: '2012-10-17', Statement: use(keyArn, {}) },
    keyPolicy: {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'AdministeredByTheAccount',
          Effect: 'Allow',
          Principal: { AWS: `arn:${partition}:iam::${account}:root` },
          Action: [
            ...['kms:Describe*', 'kms:Get*', 'kms:List*', 'kms:Put*', 'kms:Enable*', 'kms:Disable*'],
            ...[
              'kms:CreateAlias',
              'kms:UpdateAlias',
              'kms:DeleteAlias',
              'kms:TagResource',
              'kms:UntagResource',
            ],
            ...['kms:UpdateKeyDescription', 'kms:ScheduleKeyDeletion', 'kms:CancelKeyDeletion'],
          ],
          Resource: '*',
        },
        ...use('*', { Principal: principal }),
      ],
    },
  };
}
