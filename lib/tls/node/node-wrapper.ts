/** What node:tls does to a socket that it wraps, in addition to methods and properties. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { giveClosedHandle, nameParent, noteError } from './node-internals.ts';

function onSocketTLSError(): void {
  // The application gets errors through its own listeners.
}

function onConnectSecure(this: Socket): void {
  this.emit('secureConnect');
}

/**
 * Adds the listeners that node:tls leaves on every socket. A server's has one for `'error'`, so that a peer cannot end the
 * process if a handler adds none. A client's emits `'secureConnect'` from its `'secure'`.
 */
export function leaveListeners(socket: Socket, side: 'client' | 'server'): void {
  if (side === 'client') {
    socket.on('secure', onConnectSecure);
    return;
  }
  socket.on('error', onSocketTLSError);
  // The timeout of the handshake no longer applies.
  Object.assign(socket, { timeout: 0 });
}

/**
 * Lets a socket without a descriptor, as after a failed handshake, close like one that has a descriptor. Call it while the socket
 * is destroyed. Then `'close'` reports `hadError`, which Node omits otherwise.
 */
export function closeAsWithDescriptor(socket: Socket): void {
  giveClosedHandle(socket);
}

/** Defines `_secureEstablished`, which listeners for a failed handshake read from a `tls.TLSSocket`. */
export function defineSecureEstablished(prototype: object, isSecure: (socket: unknown) => boolean): void {
  const get = function (this: unknown): boolean {
    return isSecure(this);
  };
  Object.defineProperty(prototype, '_secureEstablished', { get, configurable: true });
}

/** Calls `fail` before the listeners of `'end'`, so that http does not create an error of its own. */
export function failAtEnd(socket: Socket, fail: () => void): void {
  socket.prependOnceListener('end', () => {
    noteError(socket);
    fail();
  });
}

/** Takes over the carrier's `allowHalfOpen`, and shares its idle timer. */
export function takeAfterCarrier(
  socket: Socket,
  carrier: Duplex,
  allowHalfOpen = carrier.allowHalfOpen,
): void {
  socket.allowHalfOpen = allowHalfOpen;
  if (carrier instanceof Socket) nameParent(socket, carrier);
}
