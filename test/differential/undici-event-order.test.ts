/** The whole order of what undici's connections emit, whatever their servers do: each side's connector makes them. */
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { buildConnector as undiciConnector, Client } from 'undici';
import { buildConnector } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { peerActs } from '../fixtures/peer-acts.ts';
import { close, listen } from '../fixtures/peers.ts';
import { Recorder } from './recorder.ts';

const own = identity('P-256');
const secure = { ca: own.cert, servername: 'localhost' };
const connectors = {
  undici: undiciConnector(secure),
  own: buildConnector(secure) as unknown as undiciConnector.connector,
};

/** What is seen when a server acts in the middle of its answer's body. */
async function observe(connector: undiciConnector.connector, act: string): Promise<string[]> {
  const log = new Recorder();
  const https = createHttpsServer(own, (_request, response) => void response.write('a part'));
  const accepted: Socket[] = [];
  const front = createTcpServer({ allowHalfOpen: true }, (tcp) => {
    accepted.push(tcp.on('error', () => undefined));
    https.emit('connection', tcp);
  });
  const secured = once(https, 'secureConnection') as Promise<[TLSSocket]>;
  const client = new Client(`https://127.0.0.1:${await listen(front)}`, {
    connect: (options, callback) => {
      connector(options, (...result) => {
        if (result[1]) log.watch(result[1], 'socket');
        callback(...result);
      });
    },
  });
  const { body } = await client.request({ path: '/', method: 'GET' });
  log.watch(body, 'body');
  const read = once(body, 'data');
  body.on('error', () => undefined);
  await read;
  const [tls] = await secured;
  tls.on('error', () => undefined);
  log.note(`the server ${act}`);
  for (const tcp of accepted) peerActs[act]?.({ tcp, client: tls });
  try {
    await log.until();
  } finally {
    await client.destroy();
    for (const tcp of accepted) tcp.destroy();
    await close(front);
  }
  return log.events.filter((event) => event !== 'socket session');
}

describe("What undici's connections emit, in order, the same with its own connector", () => {
  for (const act of ['ends in order', 'sends FIN without close_notify', 'resets']) {
    it(`the server ${act} in the middle of a body`, async () => {
      const expected = await observe(connectors.undici, act);
      expect(expected.some((event) => event.startsWith('socket close'))).to.equal(true);
      expect(await observe(connectors.own, act)).to.deep.equal(expected);
    });
  }
});
