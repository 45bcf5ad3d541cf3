import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { S2nPkeyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { localOf, remoteOf, type Addressed, type Transport } from './transport.ts';

/**
 * Gives a stream without a descriptor one: a socketpair, one end for the engine, the other piped to and from the stream, so
 * that each side's backpressure reaches the other. Also for a socket of which bytes have been read already.
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

  /** @throws S2nPkeyError `ERR_S2N_PKEY_RESOURCES` when there is no descriptor left. */
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
    // The peer may end its side while TLS still has something to say.
    duplex.allowHalfOpen = true;
    duplex.on('error', (error) => (this.#error = error));
    // The engine closes its end when it is done, whatever is still being written to it.
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

  /** What TLS wrote last may still be on its way through the pair: the stream is ended behind it, and then destroyed. */
  release(): void {
    this.#released = true;
    const end = (): void => {
      if (this.stream.writableFinished || this.stream.destroyed) this.stream.destroy();
      else this.stream.once('finish', () => this.stream.destroy()).end();
    };
    if (this.#pair.readableEnded || this.#pair.destroyed) end();
    else this.#pair.once('end', end).once('close', end);
  }

  /** What it gave before its end is still on its way to the engine; what comes from there is for nobody. */
  #duplexClosed(): void {
    if (this.stream.readableEnded) this.#pair.resume();
    else this.#pair.destroy();
  }

  onLost(listener: (error: Error | undefined) => void): void {
    this.stream.once('close', () => {
      if (this.#released) return;
      // An end in order reaches the connection through the pair, behind what came before it.
      if (this.#error || !this.stream.readableEnded) listener(this.#error);
    });
  }
}
