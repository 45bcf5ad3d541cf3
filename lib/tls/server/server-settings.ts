import { Server as HttpServer } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Server } from 'node:net';
import type { TlsServerOptions } from './server-options.ts';

/** Options of node:tls that a `tls.Server` keeps under their own names. Unsupported ones throw, and the error names them. */
const remembered = [
  'passphrase',
  'clientCertEngine',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'minVersion',
  'maxVersion',
  'secureProtocol',
  'secureOptions',
  'ciphers',
  'sigalgs',
  'ecdhCurve',
  'honorCipherOrder',
  'dhparam',
  'ticketKeys',
  'sessionTimeout',
  'ALPNCallback',
  'requestCert',
  'rejectUnauthorized',
  'ca',
  'crl',
] as const;

/** Descriptions of the symbols that it keeps other options under, the same on Node 20 to 26. */
const hidden = {
  handshakeTimeout: 'handshake-timeout',
  SNICallback: 'snicallback',
  pskCallback: 'pskcallback',
  pskIdentityHint: 'pskidentityhint',
  enableTrace: 'enableTrace',
} as const;

/** Whether a symbol of a `tls.Server` is the one of its `handshakeTimeout`. */
export function isHandshakeTimeout({ description }: symbol): boolean {
  return description === hidden.handshakeTimeout;
}

interface ServerFields {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  highWaterMark?: number;
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Seconds. */
  keepAliveInitialDelay?: number;
  /** In the wire format of RFC 7301: each name after its length. */
  ALPNProtocols?: unknown;
}

/** The options of a Node server that apply to its connections before http handles them. */
export function settingsOf(server: Server): Partial<TlsServerOptions> {
  const own = server as ServerFields;
  const settings: Record<string, unknown> = {
    allowHalfOpen: own.allowHalfOpen === true,
    pauseOnConnect: own.pauseOnConnect === true,
    highWaterMark: own.highWaterMark,
    keepAlive: own.keepAlive === true,
    keepAliveInitialDelay: (own.keepAliveInitialDelay ?? 0) * 1000,
    ALPNProtocols: own.ALPNProtocols,
  };
  // On other servers, false means that the option was not given.
  if (server instanceof HttpsServer || server instanceof HttpServer) settings['noDelay'] = own.noDelay;
  const fields = server as unknown as Record<string | symbol, unknown>;
  for (const name of remembered) settings[name] = fields[name];
  for (const symbol of Object.getOwnPropertySymbols(server)) {
    const name = Object.entries(hidden).find(([, description]) => description === symbol.description)?.[0];
    if (name !== undefined) settings[name] = fields[symbol];
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
