/**
 * What goes over the socket between a `SocketSigner` and `serveSigner`. Version 1:
 *
 * Each frame is `length` (4 bytes, big-endian, of what follows: 5 to 65,536), `type` (1 byte), `id` (4 bytes, big-endian) and a body.
 *
 *     type  from     id                body
 *     1     server   0                 hello: JSON { version, publicKey (base64 of the SubjectPublicKeyInfo), schemes, inFlight,
 *                                          handshakes: true when it takes frame 7, and where there are limits
 *                                          quota: { perSecond, inFlight } }
 *     2     client   of the signature  sign: scheme (2 bytes, IANA's code point), then the input
 *     3     server   of the signature  the signature
 *     4     server   of the signature  it failed: JSON { code, message }; with id 0, in place of the hello: this client is refused
 *     5     client   of the signature  cancel: no answer is wanted any more (one that is on its way may still come)
 *     6     server   0                 the server ends: what was asked for is still answered, nothing new is taken
 *     7     client   of the signature  sign a handshake of TLS 1.3: scheme (2 bytes), then the content of its CertificateVerify
 *                                          (RFC 8446 section 4.4.3), which the server hashes itself
 *
 * The server speaks first. A client ends the connection when it does not know the version; a later version keeps frames 1 and 4.
 * Either side ends the connection at a frame that it does not know.
 */
export const protocolVersion = 1;

export const frameType = {
  hello: 1,
  sign: 2,
  signature: 3,
  failure: 4,
  cancel: 5,
  ending: 6,
  signHandshake: 7,
} as const;

/** Bytes of `type`, `id` and body together, at most. */
export const longestFrame = 65_536;

const headerLength = 5;

export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly body: Buffer;
}

/** @throws RangeError when the body is too long for a frame. */
export function encodeFrame(type: number, id: number, body: Uint8Array | string = ''): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const length = headerLength + bytes.length;
  if (length > longestFrame) throw new RangeError(`a frame of ${length} bytes is too long`);
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeUInt32BE(length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32BE(id, 5);
  frame.set(bytes, 9);
  return frame;
}

/** Puts frames together from what a socket gives. Holds at most one frame that is not whole. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  /**
   * The frames that are whole now.
   *
   * @throws RangeError at a length that no frame has: nothing after it can be read.
   */
  *read(chunk: Uint8Array): Generator<Frame> {
    let bytes = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      if (bytes.length < 4) break;
      const length = bytes.readUInt32BE(0);
      if (length < headerLength || length > longestFrame) {
        throw new RangeError(`a frame has ${headerLength} to ${longestFrame} bytes; this one says ${length}`);
      }
      if (bytes.length < 4 + length) break;
      yield {
        type: bytes.readUInt8(4),
        id: bytes.readUInt32BE(5),
        body: bytes.subarray(9, 4 + length),
      };
      bytes = bytes.subarray(4 + length);
    }
    this.#pending = bytes;
  }
}

/** The body of a frame that has JSON; undefined when it has no object. */
export function jsonOf({ body }: Frame): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
