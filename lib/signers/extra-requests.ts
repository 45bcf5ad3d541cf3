import type { KeyObject } from 'node:crypto';
import { keyIdOf } from './signature-quota.ts';

/** What counts the requests of a key's signatures. */
export interface RequestCounter {
  /** One more was sent than one for each signature. */
  countExtra(): void;
  /** One was refused for its rate. */
  countThrottle(): void;
}

/** By the key. They are not kept alive for it. */
const counters = new Map<string, Set<WeakRef<RequestCounter>>>();

/** Has `counter` count the extra requests of this key's signatures from now on. Call it once for each key and counter. */
export function countExtraRequests(publicKey: KeyObject, counter: RequestCounter): void {
  const key = keyIdOf(publicKey);
  const ofKey = counters.get(key) ?? new Set();
  for (const reference of ofKey) if (reference.deref() === undefined) ofKey.delete(reference);
  counters.set(key, ofKey.add(new WeakRef(counter)));
}

/**
 * A signature by this key has another request sent: a retry, a hedge, another Region. It costs as much as the first, which was counted
 * when the signature was admitted.
 */
export function extraRequest(publicKey: KeyObject): void {
  for (const reference of counters.get(keyIdOf(publicKey)) ?? []) reference.deref()?.countExtra();
}

/** The service refused a request for a signature by this key for its rate, whatever becomes of the signature. */
export function throttledRequest(publicKey: KeyObject): void {
  for (const reference of counters.get(keyIdOf(publicKey)) ?? []) reference.deref()?.countThrottle();
}
