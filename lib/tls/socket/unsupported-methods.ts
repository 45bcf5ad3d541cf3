import { Socket } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';

/** What `tls.TLSSocket` can do and s2n-tls cannot, and why: docs/differences.md has the same list. */
export const unsupportedMethods: Readonly<Record<string, string>> = {
  getFinished:
    's2n-tls does not tell the Finished messages; for channel binding use exportKeyingMaterial (RFC 9266)',
  getPeerFinished:
    's2n-tls does not tell the Finished messages; for channel binding use exportKeyingMaterial (RFC 9266)',
  getSharedSigalgs: 's2n-tls does not tell which signature algorithms both sides have; see signatureScheme',
  getTLSTicket: 's2n-tls gives a session as a whole; use getSession',
  setSession: 'the handshake has begun; pass `session` to connect',
  setKeyCert: 'the private key stays with the signer; see server.setSecureContext and server.addContext',
  setMaxSendFragment: 's2n-tls sizes records by itself',
  enableTrace: 's2n-tls has no trace of messages; see handshakeTiming, and keylog for decrypting a capture',
};

const ofTcp =
  'the socket is one end of a socketpair, and not the TCP connection; pass `typeOfService` to connect';

/** The same of `net.Socket`, in those releases of Node that have them: they would act on the plaintext's descriptor. */
export const unsupportedSocketMethods: Readonly<Record<string, string>> = {
  setTypeOfService: ofTcp,
  getTypeOfService: ofTcp,
};

/** Raised by methods that cannot exist on s2n-tls: never a silent no. */
export function unsupported(method: string, why: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_UNSUPPORTED', `${method} is not supported: ${why}`);
}

/** Gives a class the methods of the tables, each of which throws `ERR_S2N_PKEY_UNSUPPORTED`. */
export function defineUnsupported(prototype: object): void {
  const ofSocket = Object.entries(unsupportedSocketMethods).filter(([name]) => name in Socket.prototype);
  for (const [name, why] of [...Object.entries(unsupportedMethods), ...ofSocket]) {
    const value = (): never => {
      throw unsupported(name, why);
    };
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
}
