import type { KmsKey } from '../../signers/kms/keys/key.ts';

/** A key as text shows it. */
export function factsOfKey(key: KmsKey): Record<string, string | undefined> {
  return {
    key: key.arn,
    spec: key.keySpec,
    usage: key.keyUsage,
    state: key.state,
    origin: key.origin === 'EXTERNAL' ? 'imported' : key.origin,
    'multi-Region': key.multiRegion ? 'yes' : undefined,
    description: key.description,
    created: key.creationDate?.toISOString(),
    expires: key.validTo?.toISOString(),
    'deleted on': key.deletionDate?.toISOString(),
  };
}
