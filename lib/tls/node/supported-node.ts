/**
 * Checks that this Node has the private parts that this package uses. Each of them has a row here, so that another runtime, or a
 * later Node without the part, is refused by name before it serves anything.
 */
import { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { Agent } from 'node:https';
import { Server, Socket, type SocketConnectOpts } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { S2nPkeyError } from '../../errors.ts';

/** An object that a row inspects. A missing property is undefined, and its row reports that. */
type Parts = Readonly<Record<string | symbol, unknown>>;

/** Objects of Node to inspect. None has a descriptor. Tests pass others. */
export interface NodeSpecimens {
  readonly server: Server;
  readonly socket: Socket;
  /** A socket that is connecting: its handle is a TCP handle without a descriptor. */
  readonly connecting: Socket;
  readonly tlsServer: TlsServer;
  readonly agent: Agent;
  /** Assigned to a socket, as http does for each request. */
  readonly response: ServerResponse;
  /** Given to an http server, which reads requests from it. */
  readonly requests: Socket;
}

type Check = (specimens: NodeSpecimens) => boolean;

function parts(value: unknown): Parts {
  return (value ?? {}) as Parts;
}

function handleOf({ connecting }: NodeSpecimens): Parts {
  return parts(parts(connecting)['_handle']);
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof parts(value)[name] === 'function';
}

const has =
  (of: (specimens: NodeSpecimens) => unknown, name: string): Check =>
  (specimens) =>
    name in parts(of(specimens));

const calls =
  (of: (specimens: NodeSpecimens) => unknown, name: string): Check =>
  (specimens) =>
    hasMethod(of(specimens), name);

const server = (specimens: NodeSpecimens): unknown => specimens.server;
const socket = (specimens: NodeSpecimens): unknown => specimens.socket;
const agent = (specimens: NodeSpecimens): unknown => specimens.agent;

/** The checks, by the name that the error reports. */
export const requiredParts: Readonly<Record<string, Check>> = {
  'net.Server._handle': has(server, '_handle'),
  'net.Server._unref': has(server, '_unref'),
  'net.Server._connections': (specimens) => parts(specimens.server)['_connections'] === 0,
  'net.Server._emitCloseIfDrained': calls(server, '_emitCloseIfDrained'),
  'net.Socket._handle': has(socket, '_handle'),
  'net.Socket._hadError': has(socket, '_hadError'),
  'net.Socket._parent': has(socket, '_parent'),
  'net.Socket.server': has(socket, 'server'),
  'net.Socket._server': uncountsItself,
  'net.Socket.connecting': (specimens) => Object.hasOwn(specimens.socket, 'connecting'),
  'net.Socket._host': (specimens) => parts(specimens.connecting)['_host'] === unusedHost,
  'net.Socket._write': calls(socket, '_write'),
  'net.Socket._writev': calls(socket, '_writev'),
  'net.Socket._final': calls(socket, '_final'),
  'net.Socket._destroy': calls(socket, '_destroy'),
  'net.Socket._readableState.errored': has(({ socket }) => parts(socket)['_readableState'], 'errored'),
  'net.Socket._writableState.errored': has(({ socket }) => parts(socket)['_writableState'], 'errored'),
  'the class TCP': (specimens) => parts(handleOf(specimens).constructor)['name'] === 'TCP',
  'TCP.fd': has(handleOf, 'fd'),
  'TCP.onconnection': has(handleOf, 'onconnection'),
  'TCP.onread': has(handleOf, 'onread'),
  'TCP.reading': has(handleOf, 'reading'),
  'TCP.writeQueueSize': has(handleOf, 'writeQueueSize'),
  'TCP.bytesRead': has(handleOf, 'bytesRead'),
  'TCP.bytesWritten': has(handleOf, 'bytesWritten'),
  'TCP.readStart': calls(handleOf, 'readStart'),
  'TCP.readStop': calls(handleOf, 'readStop'),
  'TCP.useUserBuffer': calls(handleOf, 'useUserBuffer'),
  'TCP.open': calls(handleOf, 'open'),
  'TCP.listen': calls(handleOf, 'listen'),
  'TCP.unref': calls(handleOf, 'unref'),
  'TCP.close': calls(handleOf, 'close'),
  'TCP.getsockname': calls(handleOf, 'getsockname'),
  'TCP.getpeername': calls(handleOf, 'getpeername'),
  'TCP[owner_symbol]': (specimens) => {
    const handle = handleOf(specimens);
    return Object.getOwnPropertySymbols(handle).some((symbol) => handle[symbol] === specimens.connecting);
  },
  'tls.Server is a net.Server': ({ tlsServer }) => tlsServer instanceof Server,
  "tls.Server's tlsConnectionListener": ({ tlsServer }) =>
    tlsServer.listeners('connection').some(({ name }) => name === 'tlsConnectionListener'),
  'tls.Server._contexts': ({ tlsServer }) => Array.isArray(parts(tlsServer)['_contexts']),
  'tls.Server.ALPNProtocols': ({ tlsServer }) => parts(tlsServer)['ALPNProtocols'] instanceof Uint8Array,
  'tls.Server[handshake-timeout]': hasSymbol('handshake-timeout'),
  'tls.Server[snicallback]': hasSymbol('snicallback'),
  'tls.Server[pskcallback]': hasSymbol('pskcallback'),
  'tls.Server[pskidentityhint]': hasSymbol('pskidentityhint'),
  'tls.Server[enableTrace]': hasSymbol('enableTrace'),
  'net.Socket._httpMessage': ({ response }) => parts(response.socket)['_httpMessage'] === response,
  'net.Socket.parser': ({ requests }) => typeof parts(requests)['parser'] === 'object',
  'https.Agent._getSession': calls(agent, '_getSession'),
  'https.Agent._cacheSession': calls(agent, '_cacheSession'),
  'https.Agent._evictSession': calls(agent, '_evictSession'),
};

/** The symbol by which a server's option is read: an option that cannot be found would be ignored. */
function hasSymbol(description: string): Check {
  return ({ tlsServer }) =>
    Object.getOwnPropertySymbols(tlsServer).some((symbol) => symbol.description === description);
}

/** Checks the effect: `server.close()` waits until all connections are uncounted. */
function uncountsItself({ server, socket }: NodeSpecimens): boolean {
  if (!('_server' in socket)) return false;
  Object.assign(server, { _connections: 1 });
  Object.assign(socket, { _server: server });
  socket.destroy();
  return parts(server)['_connections'] === 0;
}

const unusedHost = 's2n-pkey.invalid';

/** A connecting socket has its handle before its name is looked up, and this lookup never answers. */
function specimens(): NodeSpecimens {
  const connecting = new Socket();
  const options: SocketConnectOpts = { host: unusedHost, port: 1, lookup: () => undefined };
  connecting.connect(options);
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.assignSocket(new Socket());
  const requests = new Socket();
  try {
    new HttpServer().emit('connection', requests);
  } catch {
    // The row of the parser reports it.
  }
  return {
    response,
    requests,
    server: new Server(),
    socket: new Socket(),
    connecting,
    tlsServer: new TlsServer({ ALPNProtocols: ['http/1.1'] }),
    agent: new Agent(),
  };
}

/** The names of the parts that are missing or different. */
export function missingParts(of: NodeSpecimens): string[] {
  const isMissing = (check: Check): boolean => {
    try {
      return !check(of);
    } catch {
      return true;
    }
  };
  return Object.entries(requiredParts)
    .filter(([, check]) => isMissing(check))
    .map(([name]) => name);
}

/** The other runtimes that run programs written for Node, by their key in `process.versions`. */
const otherRuntimes = { bun: 'Bun', deno: 'Deno' } as const;

const supported = 'Node.js 20.19 or later, 22.12 or later, 24, or 26';

/** Why TLS cannot run here; undefined where it can. */
export function unsupportedBecause(
  versions: Readonly<Record<string, string | undefined>>,
  make: () => NodeSpecimens = specimens,
): string | undefined {
  for (const [key, name] of Object.entries(otherRuntimes)) {
    const version = versions[key];
    if (version === undefined) continue;
    return (
      `s2n-pkey serves and connects on Node.js only, and this is ${name} ${version}: it hands sockets to Node through parts that ` +
      `${name} does not have. Start this program with \`node\` (${supported}).`
    );
  }
  const of = make();
  const missing = missingParts(of);
  of.connecting.destroy();
  of.requests.destroy();
  if (missing.length === 0) return undefined;
  return (
    `s2n-pkey does not know this Node ${versions['node'] ?? '(without a version)'}: it depends on parts that are missing or ` +
    `different here: ${missing.join(', ')}. Use ${supported}, or a later release of s2n-pkey.`
  );
}

let isChecked = false;

/**
 * Call this first in every function that serves or connects. It checks once for each process.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_NODE` in another runtime, or in a Node without a part that this package uses.
 */
export function checkNode(): void {
  if (isChecked) return;
  const why = unsupportedBecause(process.versions);
  if (why !== undefined) throw new S2nPkeyError('ERR_S2N_PKEY_NODE', why);
  isChecked = true;
}
