import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { peerActs, type Peer } from '../fixtures/peer-acts.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { scenario, type Observation } from './scenario.ts';
import type { Implementation } from './servers.ts';

/** A server that destroys its socket at once may do so before the client is done. */
function secureOrOver(client: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['secureConnect', 'close']) client.once(event, () => resolve());
  });
}

const upload = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nthe first part';
const tunnel = 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n';
const upgrade = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n';

interface Kind {
  readonly kind: string;
  /** What the client sends first. */
  readonly asks: string;
  /** It goes on when its peer has ended, as a plain http server's sockets do. */
  readonly outlivesEnd?: boolean;
}

const kinds: readonly Kind[] = [
  { kind: 'a tls server', asks: '' },
  { kind: 'a tls server that destroys the socket with an error', asks: '' },
  { kind: "an https server's 'upgrade'", asks: upgrade },
  { kind: "a registered http server's 'upgrade'", asks: upgrade, outlivesEnd: true },
  { kind: "an https server's 'connect'", asks: tunnel },
  { kind: 'an https server in the middle of both bodies', asks: upload },
  { kind: "an http2 server's 'unknownProtocol'", asks: '' },
  { kind: 'an http2 server in the middle of both bodies', asks: 'http2' },
  { kind: 'a tls server that was given an accepted socket', asks: '' },
  { kind: 'a tls server that was given a Duplex', asks: '' },
];

describe('A server whose handlers add no listeners outlives its peers, as with node:tls', () => {
  let program: Program;
  let ports: Record<string, number>;

  before(async () => {
    program = runProgram(new URL('../fixtures/careless-servers.ts', import.meta.url), []);
    ({ ports } = (await program.nextLine()) as { ports: Record<string, number> });
  });
  after(() => program.stop());

  /** What the server's process tells until it has told `last`. */
  async function told(last: string): Promise<string[]> {
    const lines: string[] = [];
    while (lines.at(-1) !== last) lines.push((await program.nextLine()) as string);
    return lines;
  }

  async function observe(
    { name }: Implementation,
    { kind, asks }: Kind,
    act: (peer: Peer) => void,
    maxVersion: 'TLSv1.2' | 'TLSv1.3',
  ): Promise<Observation> {
    const port = ports[`${name}: ${kind}`] ?? 0;
    const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
    const http2 = asks === 'http2';
    const options = { rejectUnauthorized: false, maxVersion, ...(http2 ? { ALPNProtocols: ['h2'] } : {}) };
    const client = connect({ socket: tcp, ...options });
    for (const end of [tcp, client]) end.on('error', () => undefined);
    await secureOrOver(client);
    if (http2) {
      const session = connectHttp2('https://localhost', { createConnection: () => client });
      const stream = session.request({ ':method': 'POST' });
      for (const one of [session, stream]) one.on('error', () => undefined);
      stream.write('the first part');
    } else {
      client.write(asks);
      client.resume();
    }
    const lines = await told('handled');
    act({ tcp, client });
    lines.push(...(await told('closed')));
    tcp.destroy();
    program.sendLine(`${name}: ${kind}`);
    lines.push(...(await told('none left')));
    expect(lines.filter((line) => line.startsWith('uncaught'))).to.deep.equal([]);
    return { lines };
  }

  /** A client that stops in its handshake: what it has sent by then, and whether the server has answered. */
  const states = {
    'before its hello': { sent: 0, answered: false },
    'in the middle of its hello': { sent: 100, answered: false },
    'after its hello': { sent: Infinity, answered: true },
  };

  const rawActs: Record<string, (tcp: Socket) => void> = {
    resets: (tcp) => void tcp.resetAndDestroy(),
    ends: (tcp) => void tcp.end(),
    'sends garbage': (tcp) => void tcp.write('fifteen bytes!!'),
    'sends garbage and resets': (tcp) => void tcp.write('fifteen bytes!!', () => tcp.resetAndDestroy()),
  };

  async function observeHandshake(
    { name }: Implementation,
    { kind }: Kind,
    { sent, answered }: (typeof states)[keyof typeof states],
    act: (tcp: Socket) => void,
  ): Promise<Observation> {
    const key = `${name}: ${kind}`;
    const tcp = connectTcp({ port: ports[key] ?? 0, host: '127.0.0.1', allowHalfOpen: true });
    tcp.on('error', () => undefined);
    await once(tcp, 'connect');
    if (sent > 0) {
      const [end, ours] = memoryConnection();
      const client = connect({ socket: end, rejectUnauthorized: false });
      client.on('error', () => undefined);
      const [hello] = (await once(ours, 'data')) as [Buffer];
      tcp.write(hello.subarray(0, sent));
      client.destroy();
    }
    if (answered) await once(tcp, 'data');
    tcp.resume();
    act(tcp);
    const lines = await told('failed');
    tcp.destroy();
    program.sendLine(key);
    lines.push(...(await told('none left')));
    expect(lines).to.deep.equal(['failed', 'none left']);
    return { lines };
  }

  // A registered http server tells of failed handshakes by an event of its own.
  for (const kind of kinds.filter(({ outlivesEnd = false }) => !outlivesEnd)) {
    for (const [state, reached] of Object.entries(states)) {
      for (const [act, perform] of Object.entries(rawActs)) {
        // Within a hello any bytes are a part of it, and the server waits for the rest.
        if (state.includes('middle') && act === 'sends garbage') continue;
        scenario(`${kind.kind}; the peer ${act} ${state}`, (implementation) =>
          observeHandshake(implementation, kind, reached, perform),
        );
      }
    }
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const kind of kinds) {
      for (const [act, perform] of Object.entries(peerActs)) {
        if (kind.outlivesEnd && (act === 'ends in order' || act === 'sends FIN without close_notify'))
          continue;
        scenario(`${version}: ${kind.kind}; the peer ${act}`, (implementation) =>
          observe(implementation, kind, perform, version),
        );
      }
    }
  }
});
