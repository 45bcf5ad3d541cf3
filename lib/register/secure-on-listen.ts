import { Server as HttpServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { debuglog } from 'node:util';
import { attach, holdsKeys, isAttached } from '../tls/server/attach.ts';
import { secureHttpServer } from '../tls/server/secure-http-server.ts';
import type { TlsServerOptions } from '../tls/server/server-options.ts';
import { settingsOf } from '../tls/server/server-settings.ts';

const debug = debuglog('s2n-pkey');

/**
 * From now on every server is secured, with what `options` returns then, when it is told to listen, and `secured` is called: `https`, `http2` (secure) and `tls` servers that hold no key, and
 * plain `http` servers on one of `httpsPorts`. What cannot be secured throws in `listen`, and does not listen.
 */
export function secureOnListen(
  options: () => TlsServerOptions,
  httpsPorts: ReadonlySet<number>,
  secured: (server: NetServer) => void,
): void {
  beforeListen((server, port) => {
    if (secure(server, port, options(), httpsPorts)) secured(server);
  });
}

/**
 * From now on every server that was to be secured throws when it is told to listen, and does not listen: `why`, the settings cannot be
 * used. `httpsPorts`: as above; 'unknown' when every port may be one of them, 'none' when none was given.
 */
export function refuseOnListen(why: Error, httpsPorts: 'unknown' | 'none'): void {
  beforeListen((server) => {
    if (server instanceof TlsServer) {
      if (!isLeftAlone(server)) throw why;
    } else if (server instanceof HttpServer) {
      if (httpsPorts === 'unknown') throw why;
      process.stderr.write(`s2n-pkey/register: an http server is not secured: ${why.message}\n`);
    }
  });
}

function isLeftAlone(server: TlsServer): boolean {
  return holdsKeys(server) || 'SNICallback' in settingsOf(server);
}

function beforeListen(act: (server: NetServer, port: number | undefined) => void): void {
  // Whoever makes a server, from CommonJS or an ES module, by `createServer` or a class of its own, comes by here.
  const prototype = NetServer.prototype as { listen: (...args: unknown[]) => NetServer };
  const { listen } = prototype;
  prototype.listen = function (this: NetServer, ...args: unknown[]): NetServer {
    if (!this.listening && !isAttached(this)) act(this, portOf(args));
    return listen.apply(this, args);
  };
}

function secure(
  server: NetServer,
  port: number | undefined,
  options: TlsServerOptions,
  httpsPorts: ReadonlySet<number>,
): boolean {
  if (server instanceof TlsServer) {
    if (isLeftAlone(server)) {
      debug('a %s that holds a key of its own is left alone', server.constructor.name);
      return false;
    }
    attach(server, options);
    debug('attached to a server on port %o', port);
    return true;
  } else if (server instanceof HttpServer && port !== undefined && httpsPorts.has(port)) {
    secureHttpServer(server as HttpServer, options);
    debug('the http server on port %o speaks https', port);
    return true;
  }
  return false;
}

/** The port in the arguments of `listen`, in all the forms that it takes; undefined for paths, handles and descriptors. */
function portOf([first]: readonly unknown[]): number | undefined {
  const port: unknown = typeof first === 'object' && first !== null && 'port' in first ? first.port : first;
  if (typeof port === 'number') return port;
  return typeof port === 'string' && /^\s*\d+\s*$/.test(port) ? Number(port) : undefined;
}
