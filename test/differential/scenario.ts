/**
 * A scenario runs on both implementations and gives a record of what was seen on each; the two must be equal but for what is
 * different on purpose.
 */
import { expect } from 'chai';
import { nodeTls, s2nPkey, type Implementation } from './servers.ts';

/** What a scenario saw: plain values by name. */
export type Observation = Record<string, unknown>;

/** The rows of docs/differences.md that scenarios rely on. */
export const differenceRows = [
  'handshake-timeout-destroys',
  'unsent-write-fails',
  'carrier-that-breaks',
  'http2-writes-at-once',
] as const;

/** A difference on purpose: what is seen on each side, and the row of docs/differences.md that says why. */
export interface Difference {
  readonly nodeTls: unknown;
  readonly s2nPkey: unknown;
  readonly why: (typeof differenceRows)[number];
}

export function scenario(
  promise: string,
  observe: (implementation: Implementation) => Promise<Observation>,
  differences: Readonly<Record<string, Difference>> = {},
): void {
  it(promise, async () => {
    const expected = await observe(nodeTls);
    const seen = await observe(s2nPkey);
    // Where nothing was seen, both are the same whatever they do.
    expect(isNothing(expected), 'nothing was seen with node:tls').to.equal(false);
    for (const [field, difference] of Object.entries(differences)) {
      expect(expected[field], `${field} with node:tls`).to.deep.equal(difference.nodeTls);
      expect(seen[field], `${field} with s2n-pkey`).to.deep.equal(difference.s2nPkey);
      delete expected[field];
      delete seen[field];
    }
    expect(seen).to.deep.equal(expected);
  });
}

/** No value at all, or an empty one, or one that is made of such. */
function isNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isNothing);
  return value === undefined || value === null || value === '';
}

/** The names of events in the order they came; equal ones in a row count once, since chunks may fall anywhere. */
export class EventLog {
  readonly names: string[] = [];

  watch(emitter: NodeJS.EventEmitter, who: string, events: readonly string[]): void {
    for (const event of events) {
      emitter.on(event, () => {
        const name = `${who} ${event}`;
        if (this.names.at(-1) !== name) this.names.push(name);
      });
    }
  }
}

/** What an error means, in words that both sides' codes come down to. */
export function meaning(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET') return 'the peer is gone';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'handshake timeout';
  if (/HTTP_REQUEST|NOT_TLS|WRONG_VERSION_NUMBER|PACKET_LENGTH|RECORD/.test(code)) return 'no TLS';
  if (/NO_APPLICATION_PROTOCOL|no common|none in common|application protocol/i.test(`${code} ${message}`))
    return 'no common protocol';
  if (/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|protocol version|version/i.test(`${code} ${message}`))
    return 'protocol version';
  if (code.includes('ALERT')) return 'alert by the peer';
  return `${code} ${message}`;
}
