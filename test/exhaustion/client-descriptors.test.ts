import { createServer, type Server } from 'node:tls';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';

const LIMIT = 128;

interface Attempt {
  readonly name: string;
  /** How many descriptors were free; undefined: all. */
  readonly free?: number;
  readonly result: string;
}

describe('A client without a free descriptor', () => {
  let server: Server;
  let program: Program | undefined;
  let attempts: Attempt[];

  before(async function () {
    this.timeout(60_000);
    server = createServer(identity('P-256'), (socket) => socket.on('error', () => undefined).resume());
    server.on('tlsClientError', () => undefined);
    const file = new URL('../fixtures/limited-client.ts', import.meta.url);
    program = runProgram(file, [String(await listen(server))], {}, [`--nofile=${LIMIT}:${LIMIT}`]);
    attempts = [];
    for (;;) {
      const line = (await program.nextLine()) as Attempt | { done: true };
      if ('done' in line) break;
      attempts.push(line);
    }
  });

  after(async () => {
    await program?.stop();
    await close(server);
  });

  for (const name of ['tls.connect', 'connect', 'connect over a socket', 'Agent', 'buildConnector']) {
    it(`emits 'error', leaks nothing, and lets the next one connect: ${name}`, () => {
      const own = attempts.filter((attempt) => attempt.name === name);
      const limited = own.filter(({ free }) => free !== undefined);
      expect(limited.map(({ result }) => result)).to.have.lengthOf(7);
      for (const { free, result } of limited) {
        expect(result, `with ${String(free)} free`).to.match(/^(EMFILE|ERR_S2N_PKEY_RESOURCES|secure)$/);
      }
      expect(limited[0]?.result).not.to.equal('secure');
      expect(limited.at(-1)?.result).to.equal('secure');
      const others = own.filter(({ free }) => free === undefined);
      expect(others.map(({ result }) => result)).to.deep.equal(['secure', 'secure']);
    });
  }
});
