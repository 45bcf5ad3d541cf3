import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ofNode } from '../../options/kinds.ts';
import { checkOptionsObject, type SchemaOf } from '../../options/option.ts';
import { readProxyEnv, type AgentProxy } from './agent-proxy.ts';
import { openTunnel } from './agent-tunnel.ts';
import { readProtocols } from '../context/alpn-protocols.ts';
import { refuseUnsupportedOfClients } from './client-context.ts';
import { connectSchema, rejectsUnauthorized, type ConnectOptions } from './client-options.ts';
import { connect } from './connect.ts';
import { checkNode } from '../node/supported-node.ts';
import type { TlsSocket } from '../socket/tls-socket.ts';

/** Options of `https.Agent` and of `connect`. */
export type AgentOptions = Omit<HttpsAgentOptions, keyof ConnectOptions | 'proxyEnv'> &
  ConnectOptions & {
    /** Where to read `https_proxy` and `no_proxy`, such as `process.env`, as in the agents of Node 24.5. Default: no proxy. */
    proxyEnv?: Readonly<Record<string, string | undefined>>;
  };

export const agentSchema = {
  ...connectSchema,
  proxyEnv: ofNode('object'),
} satisfies SchemaOf<Omit<AgentOptions, keyof HttpsAgentOptions> & Pick<AgentOptions, 'proxyEnv'>>;

type CreatedCallback = (error: Error | null, socket: Duplex) => void;
type FailedCallback = (error: Error) => void;

interface AgentInternals {
  _getSession(key: string): Uint8Array | undefined;
  _cacheSession(key: string, session: Uint8Array): void;
  _evictSession(key: string): void;
}

const numbers = new WeakMap<object, number>();
let objects = 0;

/** Gives objects and functions a unique text for a name, because signers and contexts have none. */
function numberOf(value: object | undefined): string {
  if (value === undefined) return '';
  const known = numbers.get(value) ?? ++objects;
  numbers.set(value, known);
  return String(known);
}

/**
 * An `https.Agent` that opens its connections with `connect`. With `https.request(url, { agent: new Agent({ cert, signer, ca }) })`
 * the client certificate has its key in the signer. It pools and limits connections as `https.Agent` does, and resumes sessions.
 */
export class Agent extends HttpsAgent {
  readonly #proxy: AgentProxy | undefined;

  /** @throws InvalidOptionError, naming the option, for an invalid option or one of node:tls that is not supported. */
  constructor(options: AgentOptions = {}) {
    checkNode();
    checkOptionsObject(options, '{ cert, signer, ca, … }');
    refuseUnsupportedOfClients(options);
    const proxy = readProxyEnv(options.proxyEnv);
    super(options as unknown as HttpsAgentOptions);
    this.#proxy = proxy;
  }

  /** @internal Called by http for a new connection. Through a proxy it returns undefined, and passes the socket to `callback`. */
  override createConnection(options: RequestOptions, callback?: CreatedCallback): Duplex | undefined {
    const proxy = this.#proxy;
    const host = options.host ?? 'localhost';
    const port = options.port ?? 443;
    if (!proxy || !callback || options.socketPath || !proxy.serves(host, port)) return this.#connect(options);
    const { timeout, maxHeaderSize } = options;
    const keepAlive = this.options.keepAlive === true || this.maxSockets !== Infinity;
    openTunnel(proxy, { host, port, keepAlive, timeout, maxHeaderSize }, (error, tunnel) => {
      if (error) (callback as FailedCallback)(error);
      else this.#connectThrough(tunnel, options, callback);
    });
    return undefined;
  }

  /** The agent gets the socket after its handshake. Until then only this method listens for its errors. */
  #connectThrough(tunnel: Socket | undefined, options: RequestOptions, callback: CreatedCallback): void {
    let socket: TlsSocket;
    try {
      socket = this.#connect({ ...options, socket: tunnel } as RequestOptions);
    } catch (error) {
      tunnel?.destroy();
      (callback as FailedCallback)(error as Error);
      return;
    }
    const tellKeys = (line: Buffer): boolean => this.emit('keylog', line, socket);
    if (this.listenerCount('keylog') > 0) socket.on('keylog', tellKeys);
    const fail = callback as FailedCallback;
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      socket.off('error', fail).off('keylog', tellKeys);
      callback(null, socket);
    });
  }

  #connect(options: RequestOptions): TlsSocket {
    const { _agentKey: key, ...given } = options as RequestOptions & { _agentKey?: string };
    const agent = this as unknown as AgentInternals;
    const session = key === undefined ? undefined : agent._getSession(key);
    const socket = connect({ ...(session ? { session } : {}), ...given } as ConnectOptions);
    if (key !== undefined) {
      socket.on('session', (ticket: Buffer) => agent._cacheSession(key, ticket));
      socket.once('close', (failed: boolean) => {
        if (failed) agent._evictSession(key);
      });
    }
    return socket;
  }

  /** @internal Requests with the same name share connections. Adds the signer and the trust options to the name of `https.Agent`. */
  override getName(options: RequestOptions = {}): string {
    const own = options as ConnectOptions;
    const parts = [
      ...[own.signer, own.secureContext, own.checkServerIdentity].map(numberOf),
      own.identities?.map(({ cert, signer }) => `${numberOf(signer)} ${String(cert)}`),
      own.securityPolicy,
      own.allowPartialTrustChain,
      own.ALPNProtocols === undefined ? undefined : readProtocols(own.ALPNProtocols),
      own.requestOCSP,
      rejectsUnauthorized(own),
    ];
    return [super.getName(options), ...parts.map((part) => String(part ?? ''))].join(':');
  }
}
