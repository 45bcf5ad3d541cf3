import { InvalidOptionError } from '../../errors.ts';

/** What a client keeps to resume a session: s2n-tls's own state, and the chain of the server that gave it. */
export interface SessionData {
  readonly state: Uint8Array;
  /** DER, the server's own first. It is verified anew by whoever resumes. */
  readonly chain: readonly Uint8Array[];
}

const MAGIC = Buffer.from('s2n-pkey session 1\n', 'latin1');

/** As one Buffer, which holds the session's secrets: what `'session'` events and `getSession` give. */
export function encodeSession({ state, chain }: SessionData): Buffer {
  const parts: Uint8Array[] = [MAGIC];
  for (const certificate of chain) parts.push(lengthOf(certificate), certificate);
  parts.push(lengthOf([]), state);
  return Buffer.concat(parts);
}

/** @throws InvalidOptionError for anything that `encodeSession` did not make. */
export function decodeSession(session: unknown): SessionData {
  const refuse = (): never => {
    throw new InvalidOptionError(
      'session',
      "what a 'session' event or getSession() of this package gave",
      session,
    );
  };
  if (!(session instanceof Uint8Array)) return refuse();
  const bytes = Buffer.from(session.buffer, session.byteOffset, session.byteLength);
  if (bytes.length < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return refuse();
  const chain: Uint8Array[] = [];
  let at = MAGIC.length;
  for (;;) {
    if (at + 4 > bytes.length) return refuse();
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length === 0) break;
    if (at + length > bytes.length) return refuse();
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
