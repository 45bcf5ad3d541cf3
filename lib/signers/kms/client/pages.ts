import { explained, type KmsCall } from './kms-error.ts';

/** What a listing answers beside its items. */
interface Page {
  readonly Truncated?: boolean | undefined;
  readonly NextMarker?: string | undefined;
}

/** Where a page begins, and how many items it may have: `Limit` of the listing, KMS's own choice unless given. */
export interface PageRequest {
  readonly Marker?: string;
  readonly Limit?: number;
}

/** All pages of a listing, each asked for when it is wanted. */
export async function* pages<T extends Page>(
  call: KmsCall,
  ask: (page: PageRequest) => Promise<T>,
  limit?: number,
): AsyncGenerator<T> {
  const size = limit === undefined ? {} : { Limit: limit };
  let marker: string | undefined;
  do {
    const page: T = await explained(call, ask(marker === undefined ? size : { ...size, Marker: marker }));
    yield page;
    marker = page.Truncated === true ? page.NextMarker : undefined;
  } while (marker !== undefined);
}
