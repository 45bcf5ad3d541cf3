import type { Socket } from 'node:net';
import { stopReading } from '../node/node-internals.ts';
import { localOf, remoteOf, type Transport } from './transport.ts';

/**
 * A `net.Socket` with a descriptor, from which nothing was read. The socket stays open beside the engine's duplicate, and
 * reads nothing. Code that holds the socket can destroy it to end the connection, and gets its `'close'` with the connection.
 */
export class SocketTransport implements Transport {
  readonly fd: number;
  readonly remote;
  readonly local;
  readonly allowHalfOpen;
  readonly stream: Socket;
  #error: Error | undefined;
  #released = false;

  constructor(socket: Socket, fd: number) {
    stopReading(socket);
    this.fd = fd;
    this.remote = remoteOf(socket);
    this.local = localOf(socket);
    this.allowHalfOpen = socket.allowHalfOpen;
    this.stream = socket;
    socket.on('error', (error) => (this.#error = error));
  }

  whenReady(begin: () => void): void {
    const { stream } = this;
    if (stream.writableLength === 0) {
      begin();
      return;
    }
    stream.write('', () => {
      if (!stream.destroyed) begin();
    });
  }

  taken(): void {
    // The socket keeps its own descriptor.
  }

  release(): void {
    this.#released = true;
    this.stream.destroy();
  }

  onLost(listener: (error: Error | undefined) => void): void {
    this.stream.once('close', () => {
      if (!this.#released) listener(this.#error);
    });
  }
}
