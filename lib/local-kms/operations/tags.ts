import { KmsException } from '../store/errors.ts';
import { list, required, string, structure } from '../request/request-shape.ts';
import { changeKey, findKey, keyIdMember, operation, refusePendingDeletion } from './operation.ts';
import { limitMember, markerMember, paginate } from './pagination.ts';

/** Quota "Tags per KMS key". */
const tagsPerKey = 50;

const tagKeyMember = string({ min: 1, max: 128 });

export const tagMember = required(
  structure({ TagKey: required(tagKeyMember), TagValue: required(string({ max: 256 })) }),
);

interface Tag {
  readonly TagKey: string;
  readonly TagValue: string;
}

function refuseReserved(tagKey: string): void {
  if (tagKey.toLowerCase().startsWith('aws:')) {
    throw new KmsException('TagException', 'Tags beginning with aws: are reserved');
  }
}

/** `present` with `added` put in. Throws `TagException`. */
export function checkTags(
  present: Readonly<Record<string, string>>,
  added: readonly Tag[],
): Readonly<Record<string, string>> {
  const addedKeys = new Set(added.map((tag) => tag.TagKey));
  if (addedKeys.size < added.length) throw new KmsException('TagException', 'Duplicate tag keys');
  for (const tagKey of addedKeys) refuseReserved(tagKey);
  // By way of a Map: any name will do for a tag, `__proto__` too.
  const tags = new Map(Object.entries(present));
  for (const tag of added) tags.set(tag.TagKey, tag.TagValue);
  if (tags.size > tagsPerKey) throw new KmsException('TagException', 'Too many tags');
  return Object.fromEntries(tags);
}

export const tagResource = operation(
  'TagResource',
  { KeyId: required(keyIdMember), Tags: required(list(tagMember)) },
  async (input, kms) => {
    const { keyId } = findKey(kms, input.KeyId, 'TagResource', false).record;
    await changeKey(kms, keyId, (record, arn) => {
      refusePendingDeletion(record, arn);
      return { ...record, tags: checkTags(record.tags, input.Tags) };
    });
    return undefined;
  },
);

export const untagResource = operation(
  'UntagResource',
  { KeyId: required(keyIdMember), TagKeys: required(list(required(tagKeyMember))) },
  async (input, kms) => {
    const { keyId } = findKey(kms, input.KeyId, 'UntagResource', false).record;
    for (const tagKey of input.TagKeys) refuseReserved(tagKey);
    await changeKey(kms, keyId, (record, arn) => {
      refusePendingDeletion(record, arn);
      const kept = Object.entries(record.tags).filter(([tagKey]) => !input.TagKeys.includes(tagKey));
      return { ...record, tags: Object.fromEntries(kept) };
    });
    return undefined;
  },
);

export const listResourceTags = operation(
  'ListResourceTags',
  { KeyId: required(keyIdMember), Limit: limitMember, Marker: markerMember },
  (input, kms) => {
    const { tags } = findKey(kms, input.KeyId, 'ListResourceTags', false).record;
    const all = Object.entries(tags)
      .map(([TagKey, TagValue]): Tag => ({ TagKey, TagValue }))
      .sort((a, b) => (a.TagKey < b.TagKey ? -1 : 1));
    const { items, truncation } = paginate(all, (tag) => tag.TagKey, input, 50);
    return { Tags: items, ...truncation };
  },
);
