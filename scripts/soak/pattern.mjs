// Bytes that both sides know, so that every byte of a transfer can be checked.
import { createCipheriv } from 'node:crypto';

const size = 1 << 20;
const period = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size));
const pattern = Buffer.concat([period, period]);

/** The bytes of the endless pattern from `at` on, at most `length` and at most 1 MiB of them. */
export function patternAt(at, length) {
  const start = at % size;
  return pattern.subarray(start, start + Math.min(length, size));
}

/** Takes the chunks of a transfer one by one. */
export class PatternCheck {
  received = 0;

  /** @throws Error at the first byte that is wrong */
  take(chunk) {
    for (let at = 0; at < chunk.length;) {
      const expected = patternAt(this.received, chunk.length - at);
      if (!chunk.subarray(at, at + expected.length).equals(expected)) {
        throw Object.assign(new Error(`wrong bytes near ${this.received}`), { code: 'WRONG_BYTES' });
      }
      at += expected.length;
      this.received += expected.length;
    }
  }

  /** @throws Error when not just `length` bytes came */
  expectLength(length) {
    if (this.received !== length) {
      throw Object.assign(new Error(`${this.received} of ${length} bytes`), { code: 'TRUNCATED' });
    }
  }
}

/** Writes `length` bytes of the pattern, no faster than the stream takes them. Ends early when it is destroyed. */
export async function writePattern(stream, length) {
  for (let at = 0; at < length && !stream.destroyed;) {
    const chunk = patternAt(at, Math.min(length - at, 1 + ((at * 7919 + 65_521) % 200_000)));
    at += chunk.length;
    if (!stream.write(chunk)) await drained(stream);
  }
}

function drained(stream) {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}
