import type { Option } from '../../options/option.ts';

/** What a client needs to resume a session: the state of s2n-tls, and the certificate chain of the server that issued it. */
export interface SessionData {
  readonly state: Uint8Array;
  /** DER, the server's own certificate first. The next connection verifies it again. */
  readonly chain: readonly Uint8Array[];
}

const MAGIC = Buffer.from('s2n-pkey session 1\n', 'latin1');

/** Encodes a session as one Buffer, for `'session'` events and `getSession()`. It contains secrets. */
export function encodeSession({ state, chain }: SessionData): Buffer {
  const parts: Uint8Array[] = [MAGIC];
  for (const certificate of chain) parts.push(lengthOf(certificate), certificate);
  parts.push(lengthOf([]), state);
  return Buffer.concat(parts);
}

/** A session that `encodeSession` created. */
export const sessionOption: Option<SessionData | undefined> = {
  type: 'Buffer',
  expected: "what a 'session' event or getSession() of this package gave",
  isSecret: true,
  takesNull: true,
  fits: (value) => decode(value) !== undefined,
  read: (_name, value) => decode(value),
};

function decode(session: unknown): SessionData | undefined {
  if (!(session instanceof Uint8Array)) return undefined;
  const bytes = Buffer.from(session.buffer, session.byteOffset, session.byteLength);
  if (bytes.length < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const chain: Uint8Array[] = [];
  let at = MAGIC.length;
  for (;;) {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length === 0) break;
    if (at + length > bytes.length) return undefined;
    chain.push(bytes.subarray(at, at + length));
    at += length;
  }
  return { state: bytes.subarray(at), chain };
}

function lengthOf(bytes: ArrayLike<number>): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return length;
}
