/** What node:tls does to a socket that it wraps, beside the methods and properties that it gives it. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { giveClosedHandle, nameParent, noteError } from './node-internals.ts';

function onSocketTLSError(): void {
  // The application learns of an error by a listener of its own.
}

function onConnectSecure(this: Socket): void {
  this.emit('secureConnect');
}

/**
 * Adds the listeners that node:tls leaves on every socket. A server's has one for `'error'`, so that a peer cannot end the
 * process where a handler adds none. A client's emits `'secureConnect'` from its `'secure'`.
 */
export function leaveListeners(socket: Socket, side: 'client' | 'server'): void {
  if (side === 'client') {
    socket.on('secure', onConnectSecure);
    return;
  }
  socket.on('error', onSocketTLSError);
  // The handshake's timeout has been lifted.
  Object.assign(socket, { timeout: 0 });
}

/**
 * For a socket that is being destroyed: without a descriptor, as after a handshake that failed, it closes as one that has one.
 * Its `'close'` says whether it failed (`hadError`), where Node says nothing.
 */
export function closeAsWithDescriptor(socket: Socket): void {
  giveClosedHandle(socket);
}

/** Gives a class `_secureEstablished`, which listeners for a failed handshake ask in `tls.TLSSocket`. */
export function defineSecureEstablished(prototype: object, isSecure: (socket: unknown) => boolean): void {
  const get = function (this: unknown): boolean {
    return isSecure(this);
  };
  Object.defineProperty(prototype, '_secureEstablished', { get, configurable: true });
}

/** Calls `fail` before listeners of `'end'`. They know then that an error follows, so that http makes none of its own. */
export function failAtEnd(socket: Socket, fail: () => void): void {
  socket.prependOnceListener('end', () => {
    noteError(socket);
    fail();
  });
}

/** What the socket has from the stream that carries it: whether it goes on when its peer has ended, and the idle timer. */
export function takeAfterCarrier(
  socket: Socket,
  carrier: Duplex,
  allowHalfOpen = carrier.allowHalfOpen,
): void {
  socket.allowHalfOpen = allowHalfOpen;
  if (carrier instanceof Socket) nameParent(socket, carrier);
}
