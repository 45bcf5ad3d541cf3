import { KmsException } from '../store/errors.ts';
import { integer, string } from '../request/request-shape.ts';

/** `Limit` and `Marker` of every list operation. */
export const limitMember = integer(1, 1000);
export const markerMember = string({ min: 1, max: 1024, pattern: '[\\u0020-\\u00FF]*' });

export interface Page<T> {
  readonly items: readonly T[];
  /** Members of the answer. */
  readonly truncation: { readonly Truncated: boolean; readonly NextMarker?: string };
}

/**
 * One page of `all`, which is sorted by `keyOf`. A marker holds the key of the last item given, so that pages neither
 * repeat nor miss an item while others come and go. Throws `InvalidMarkerException`.
 */
export function paginate<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  request: { readonly Limit?: number | undefined; readonly Marker?: string | undefined },
  defaultLimit: number,
): Page<T> {
  const { Limit: limit = defaultLimit, Marker: marker } = request;
  const after = marker === undefined ? undefined : readMarker(marker);
  const start = after === undefined ? 0 : all.findIndex((item) => keyOf(item) > after);
  const items = start < 0 ? [] : all.slice(start, start + limit);
  const last = items.at(-1);
  if (last === undefined || start + limit >= all.length) return { items, truncation: { Truncated: false } };
  const NextMarker = Buffer.from(JSON.stringify({ after: keyOf(last) })).toString('base64');
  return { items, truncation: { Truncated: true, NextMarker } };
}

function readMarker(marker: string): string {
  try {
    const content: unknown = JSON.parse(Buffer.from(marker, 'base64').toString());
    if (typeof content === 'object' && content !== null && 'after' in content) {
      if (typeof content.after === 'string') return content.after;
    }
  } catch {
    // Not one of ours: refused below, like everything else that is not.
  }
  throw new KmsException('InvalidMarkerException', `Could not deserialize marker '${marker}'`);
}
