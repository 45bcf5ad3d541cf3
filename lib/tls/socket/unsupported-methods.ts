import { Socket } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';

/** Methods of `tls.TLSSocket` that s2n-tls cannot support, and why. docs/differences.md has the same list. */
export const unsupportedMethods: Readonly<Record<string, string>> = {
  getFinished:
    's2n-tls does not expose the Finished messages; for channel binding use exportKeyingMaterial (RFC 9266)',
  getPeerFinished:
    's2n-tls does not expose the Finished messages; for channel binding use exportKeyingMaterial (RFC 9266)',
  getSharedSigalgs: 's2n-tls does not report the shared signature algorithms; see signatureScheme',
  getTLSTicket: 's2n-tls returns only whole sessions; use getSession',
  setSession: 'the handshake has started; pass `session` to connect',
  setKeyCert: 'the private key stays with the signer; see server.setSecureContext and server.addContext',
  setMaxSendFragment: 's2n-tls sizes records by itself',
  enableTrace: 's2n-tls has no trace of messages; see handshakeTiming, and keylog for decrypting a capture',
};

const ofTcp =
  'the socket is one end of a socketpair, and not the TCP connection; pass `typeOfService` to connect';

/** Methods of `net.Socket`, in Node versions that have them, that would act on the plaintext's descriptor. */
export const unsupportedSocketMethods: Readonly<Record<string, string>> = {
  setTypeOfService: ofTcp,
  getTypeOfService: ofTcp,
};

/** The error that unsupported methods throw, so that none fails silently. */
export function unsupported(method: string, why: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_UNSUPPORTED', `${method} is not supported: ${why}`);
}

/** Defines the methods of both tables on a class. Each throws `ERR_S2N_PKEY_UNSUPPORTED`. */
export function defineUnsupported(prototype: object): void {
  const ofSocket = Object.entries(unsupportedSocketMethods).filter(([name]) => name in Socket.prototype);
  for (const [name, why] of [...Object.entries(unsupportedMethods), ...ofSocket]) {
    const value = (): never => {
      throw unsupported(name, why);
    };
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
}
