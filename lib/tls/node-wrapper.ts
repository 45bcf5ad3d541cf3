/** What node:tls does to a socket that it wraps, beside the methods and properties that it gives it. */
import type { Socket } from 'node:net';

function onSocketTLSError(): void {
  // The application learns of an error by a listener of its own.
}

/**
 * Adds the listeners that node:tls leaves on every socket. A server's has one for `'error'`, so that a peer cannot end the
 * process where a handler adds none.
 */
export function leaveListeners(socket: Socket, side: 'client' | 'server'): void {
  if (side === 'server') socket.on('error', onSocketTLSError);
}
