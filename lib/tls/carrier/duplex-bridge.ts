import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { S2nPkeyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { localOf, remoteOf, type Addressed, type Transport } from './transport.ts';

/**
 * Connects the engine to a stream that has no descriptor, or to a socket from which bytes were read already. It creates a
 * socketpair, gives one end to the engine and pipes the other to and from the stream. Backpressure passes in both directions.
 */
export class DuplexBridge implements Transport {
  readonly fd: number;
  readonly remote;
  readonly local;
  readonly allowHalfOpen;
  readonly stream: Duplex;
  readonly #pair: Socket;
  #error: Error | undefined;
  #released = false;

  /** @throws S2nPkeyError `ERR_S2N_PKEY_RESOURCES` if no descriptor is left. */
  constructor(duplex: Duplex & Addressed) {
    const ends = addon().socketPair();
    if (typeof ends === 'number') {
      throw new S2nPkeyError(
        'ERR_S2N_PKEY_RESOURCES',
        `the stream could not be bridged (errno ${-ends}): raise the limit of open files`,
      );
    }
    const [engineEnd, ownEnd] = ends;
    this.fd = engineEnd;
    this.remote = remoteOf(duplex);
    this.local = localOf(duplex);
    this.allowHalfOpen = duplex.allowHalfOpen;
    this.stream = duplex;
    this.#pair = new Socket({ fd: ownEnd, readable: true, writable: true, allowHalfOpen: true });
    // The peer may end its side while TLS still has records to send.
    duplex.allowHalfOpen = true;
    duplex.on('error', (error) => (this.#error = error));
    // The engine closes its end when it is done, even if writes to it are pending.
    this.#pair.on('error', () => undefined);
    duplex.pipe(this.#pair).pipe(duplex);
    duplex.once('close', () => this.#duplexClosed());
  }

  whenReady(begin: () => void): void {
    begin();
  }

  taken(): void {
    closeSync(this.fd);
  }

  /** The last bytes of TLS may still be in the pair. The stream ends after them, and is destroyed then. */
  release(): void {
    this.#released = true;
    const end = (): void => {
      if (this.stream.writableFinished || this.stream.destroyed) this.stream.destroy();
      else this.stream.once('finish', () => this.stream.destroy()).end();
    };
    if (this.#pair.readableEnded || this.#pair.destroyed) end();
    else this.#pair.once('end', end).once('close', end);
  }

  /** After an orderly end, the last bytes of the stream still pass to the engine. The output of the engine is discarded. */
  #duplexClosed(): void {
    if (this.stream.readableEnded) this.#pair.resume();
    else this.#pair.destroy();
  }

  onLost(listener: (error: Error | undefined) => void): void {
    this.stream.once('close', () => {
      if (this.#released) return;
      // An orderly end reaches the connection through the pair, after the data before it.
      if (this.#error || !this.stream.readableEnded) listener(this.#error);
    });
  }
}
