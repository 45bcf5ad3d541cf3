import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { InvalidOptionError } from '../errors.ts';
import type { ConnectOptions } from './client-options.ts';
import { connect } from './connect.ts';
import { refuseUnsupported } from './unsupported-options.ts';

/** Options of `https.Agent`, with what `connect` secures its connections with. */
export type AgentOptions = Omit<HttpsAgentOptions, keyof ConnectOptions> & ConnectOptions;

interface AgentInternals {
  _getSession(key: string): Uint8Array | undefined;
  _cacheSession(key: string, session: Uint8Array): void;
  _evictSession(key: string): void;
}

const numbers = new WeakMap<object, number>();
let objects = 0;

/** Tells objects and functions apart in a name: signers and contexts have no text of their own. */
function numberOf(value: object | undefined): string {
  if (value === undefined) return '';
  const known = numbers.get(value) ?? ++objects;
  numbers.set(value, known);
  return String(known);
}

/**
 * An `https.Agent` whose connections are made by `connect`: `https.request(url, { agent: new Agent({ cert, signer, ca }) })` shows a
 * certificate whose key the signer holds. Connections are kept, pooled and limited as `https.Agent` does it, and sessions are
 * resumed.
 */
export class Agent extends HttpsAgent {
  /** @throws InvalidOptionError for options of node:tls that are refused, by name. */
  constructor(options: AgentOptions = {}) {
    if (typeof options !== 'object' || (options as unknown) === null) {
      throw new InvalidOptionError('options', '{ cert, signer, ca, … }', options);
    }
    refuseUnsupported({ ...options, secureContext: undefined });
    super(options as unknown as HttpsAgentOptions);
  }

  /** @internal Called by http for a new connection. */
  override createConnection(options: RequestOptions): Duplex {
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

  /** @internal What connections may be shared by: beside what `https.Agent` names, who signs and what is demanded of the server. */
  override getName(options: RequestOptions = {}): string {
    const own = options as ConnectOptions;
    const identities = own.identities?.map(({ signer }) => numberOf(signer)).join();
    const parts = [own.signer, own.secureContext, own.checkServerIdentity].map(numberOf);
    const protocols = own.ALPNProtocols?.join();
    return [super.getName(options), ...parts, identities, own.securityPolicy, protocols].join(':');
  }
}
