import { Duplex } from 'node:stream';

/** One end of a connection inside this process. (Node's own `duplexPair` came with Node 22.) */
class End extends Duplex {
  other: End | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.other?.receive(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.other?.push(null);
    callback();
  }

  /** `taken` is called when there is room for more. */
  receive(chunk: Buffer, taken: () => void): void {
    if (this.destroyed || this.push(chunk)) taken();
    else this.#taken = taken;
  }
}

/** Creates two connected streams with backpressure, for handshakes without a network. */
export function memoryConnection(): [Duplex, Duplex] {
  const pair: [End, End] = [new End(), new End()];
  [pair[0].other, pair[1].other] = [pair[1], pair[0]];
  return pair;
}
