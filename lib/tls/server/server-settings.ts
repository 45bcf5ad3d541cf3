import { Server as HttpServer } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Server } from 'node:net';
import type { TlsServerOptions } from './server-options.ts';

/** Options of node:tls that a `tls.Server` remembers under their own names. What this package cannot do is refused by name. */
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

/** Those it hides behind symbols: the symbols' descriptions, on Node 20 to 26 alike. */
const hidden = {
  handshakeTimeout: 'handshake-timeout',
  SNICallback: 'snicallback',
  pskCallback: 'pskcallback',
  pskIdentityHint: 'pskidentityhint',
  enableTrace: 'enableTrace',
} as const;

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

/** The options that a server of Node's was made with, as far as they concern its connections before http sees them. */
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
  // Elsewhere false means that nobody said anything.
  if (server instanceof HttpsServer || server instanceof HttpServer) settings['noDelay'] = own.noDelay;
  const fields = server as unknown as Record<string | symbol, unknown>;
  for (const name of remembered) settings[name] = fields[name];
  for (const symbol of Object.getOwnPropertySymbols(server)) {
    const name = Object.entries(hidden).find(([, description]) => description === symbol.description)?.[0];
    if (name !== undefined) settings[name] = fields[symbol];
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
