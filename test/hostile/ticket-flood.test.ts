import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createNodeServer } from 'node:tls';
import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { Tls13Writer } from '../fixtures/tls13-writer.ts';

const { key, cert } = identity('P-256');

/** RFC 8446 §4.6.1: lives two hours, without a nonce and extensions. */
function ticket(number: number): Buffer {
  const message = Buffer.from(
    '04000013' + '00001c20' + '00000000' + '00' + '000674696b740000' + '0000',
    'hex',
  );
  message.writeUInt16BE(number, message.length - 4);
  return message;
}

describe('a hostile server', () => {
  it('floods a client with session tickets: few are looked at, and data arrives', async () => {
    let secret = '';
    const server = createNodeServer({
      key,
      cert,
      minVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256',
    });
    server.on('keylog', (line: Buffer) => {
      secret = /^SERVER_TRAFFIC_SECRET_0 \w+ (\w+)/.exec(line.toString())?.[1] ?? secret;
    });
    const port = await listen(server);
    const carriers: Socket[] = [];
    const proxy = createTcpServer((carrier) => {
      const upstream = connectTcp(port, '127.0.0.1');
      carrier.pipe(upstream).pipe(carrier);
      carriers.push(carrier, upstream);
      for (const socket of [carrier, upstream]) socket.on('error', () => undefined);
    });
    const client = connect({ port: await listen(proxy), host: '127.0.0.1', rejectUnauthorized: false });
    let sessions = 0;
    const honest = new Promise<void>((resolve, reject) => {
      client.on('error', reject);
      client.on('session', () => {
        if (++sessions === 2) resolve(); // as many as node:tls gives
      });
    });
    await honest;

    const [carrier, upstream] = carriers;
    if (!carrier || !upstream) throw new Error('the proxy carries nothing');
    upstream.unpipe(carrier);
    const writer = new Tls13Writer(Buffer.from(secret, 'hex'), 2);
    const rounds = 10;
    const ticketsARound = 3 * 700;
    const received = new Promise<string>((resolve, reject) => {
      let text = '';
      client.on('error', reject);
      client.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.length === rounds) resolve(text);
      });
    });
    for (let round = 0; round < rounds; round++) {
      for (let record = 0; record < 3; record++) {
        const tickets = Array.from({ length: 700 }, (_, number) => ticket(number));
        carrier.write(writer.record(22, Buffer.concat(tickets)));
      }
      carrier.write(writer.record(23, Buffer.from('x')));
    }
    expect(await received).to.equal('x'.repeat(rounds));
    // Of each read, which holds three records at most or a part of one, four are kept.
    expect(sessions - 2).to.be.within(4, (rounds * ticketsARound) / 50);
    client.destroy();
    for (const socket of carriers) socket.destroy();
    await close(proxy);
    await close(server);
  });
});
