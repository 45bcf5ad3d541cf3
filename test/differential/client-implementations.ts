/** The two clients that are held against each other: `tls.connect`, and this package's `connect`. */
import type { Socket } from 'node:net';
import { connect as nodeConnect, type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import { connect, type ConnectOptions } from '../../lib/index.ts';
import type { Difference, Observation } from './scenario.ts';

/** What both sides' sockets have. */
export interface ClientSocket extends Socket {
  readonly authorized: boolean;
  getProtocol(): string | null;
}

/** Options that mean the same on both sides. */
export type CommonConnectOptions = ConnectionOptions & ConnectOptions;

export interface ClientImplementation {
  readonly name: string;
  readonly connect: (options: CommonConnectOptions) => ClientSocket;
}

export const nodeClient: ClientImplementation = {
  name: 'tls.connect',
  connect: (options) => nodeConnect(options),
};

export const s2nClient: ClientImplementation = {
  name: 's2n-pkey',
  connect: (options) => connect(options),
};

/** As `scenario`, for clients: what each of the two saw must be the same, but for `differences`. */
export function clientScenario(
  promise: string,
  observe: (implementation: ClientImplementation) => Promise<Observation>,
  differences: Readonly<Record<string, Difference>> = {},
): void {
  it(promise, async () => {
    const expected = await observe(nodeClient);
    const seen = await observe(s2nClient);
    for (const [field, difference] of Object.entries(differences)) {
      expect(expected[field], `${field} with tls.connect`).to.deep.equal(difference.nodeTls);
      expect(seen[field], `${field} with s2n-pkey`).to.deep.equal(difference.s2nPkey);
      delete expected[field];
      delete seen[field];
    }
    expect(seen).to.deep.equal(expected);
  });
}
