import { InvalidOptionError } from '../errors.ts';
import type { SecureContextOptions } from './secure-context.ts';
import type { SocketOptions } from './server-handshake.ts';

/** Options of `attach`, and with `net.Server`'s own those of `createServer`. */
export interface TlsServerOptions extends SecureContextOptions {
  /** Milliseconds until a handshake, the signer's time included, must be done; 120,000 as in node:tls. */
  handshakeTimeout?: number;
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  /** True unless given: records leave as they are made. */
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
}

export const DEFAULT_HANDSHAKE_TIMEOUT = 120_000;
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** Options of node:tls that would weaken the promise or have no effect here, and what to do instead. */
const refused: Record<string, string> = {
  key: 'the private key stays with the signer: remove it, and pass `signer`',
  pfx: 'it holds a private key: pass the certificate chain as `cert`, and `signer`',
  passphrase: 'no key is read here: pass it to LocalKeySigner',
  privateKeyEngine: 'pass a `signer`',
  privateKeyIdentifier: 'pass a `signer`',
  secureContext: 'an OpenSSL context cannot be used by s2n-tls: pass `cert` and `signer`',
  ciphers: 's2n-tls takes whole policies: pass `securityPolicy`',
  ecdhCurve: 's2n-tls takes whole policies: pass `securityPolicy`',
  sigalgs: 's2n-tls takes whole policies: pass `securityPolicy`',
  minVersion: 's2n-tls takes whole policies: pass `securityPolicy`, such as "default_tls13"',
  maxVersion: 's2n-tls takes whole policies: pass `securityPolicy`',
  secureProtocol: 's2n-tls takes whole policies: pass `securityPolicy`',
  dhparam: 'finite-field Diffie-Hellman is not offered',
  SNICallback: 'several certificates on one server are not supported yet',
  ALPNCallback: 'pass `ALPNProtocols`',
  requestCert: 'client certificates are not supported yet',
  ca: 'client certificates are not supported yet',
  crl: 'client certificates are not supported yet',
  ticketKeys: 'session tickets are not supported yet',
  sessionTimeout: 'session tickets are not supported yet',
  pskCallback: 'pre-shared keys are not supported',
};

/** Refuses what node:tls knows and this package does not, by name. Never a silent no. */
export function refuseUnsupported(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    const advice = refused[name];
    if (advice !== undefined && value !== undefined && value !== false && value !== null) {
      throw new InvalidOptionError(
        name,
        `nothing: ${advice}`,
        name === 'key' || name === 'pfx' ? 'a value' : value,
      );
    }
  }
}

export function readHandshakeTimeout(value: unknown): number {
  if (value === undefined) return DEFAULT_HANDSHAKE_TIMEOUT;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > LONGEST_TIMEOUT) {
    throw new InvalidOptionError(
      'handshakeTimeout',
      `a whole number of milliseconds from 1 to ${LONGEST_TIMEOUT}`,
      value,
    );
  }
  return value;
}

export function readSocketOptions(options: TlsServerOptions): SocketOptions {
  const flag = (name: keyof TlsServerOptions, fallback: boolean): boolean => {
    const value: unknown = options[name];
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') throw new InvalidOptionError(name, 'true or false', value);
    return value;
  };
  const delay: unknown = options.keepAliveInitialDelay ?? 0;
  if (typeof delay !== 'number' || !(delay >= 0)) {
    throw new InvalidOptionError('keepAliveInitialDelay', 'a number of milliseconds, 0 or more', delay);
  }
  return {
    allowHalfOpen: flag('allowHalfOpen', false),
    pauseOnConnect: flag('pauseOnConnect', false),
    noDelay: flag('noDelay', true),
    keepAlive: flag('keepAlive', false),
    keepAliveInitialDelay: delay,
  };
}
