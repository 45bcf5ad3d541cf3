import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { createServer, LocalKeySigner } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });

/** An HTTP/2 frame on stream 1, with a payload of so many bytes. */
function frame(type: number, length: number): Buffer {
  return Buffer.from([0, 0, length, type, 0, 0, 0, 0, 1, ...Buffer.alloc(length)]);
}

const data = frame(0, 100);
const reset = frame(3, 4);
const windowUpdate = frame(8, 4);

/** The lengths of the records that a client receives of what a server writes at once. */
async function recordsOf(written: Buffer[], protocol: string): Promise<number[]> {
  const server = createServer({ cert, signer, ALPNProtocols: [protocol] }, (socket) => {
    socket.end(Buffer.concat(written));
  });
  const client = connect({
    port: await listen(server),
    host: '127.0.0.1',
    servername: 'localhost',
    ca: cert,
    ALPNProtocols: [protocol],
  });
  const lengths: number[] = [];
  // Node reads record by record.
  client.on('data', (record: Buffer) => lengths.push(record.length));
  await once(client, 'close');
  await close(server);
  return lengths;
}

describe('An HTTP/2 stream reset', () => {
  it('has a record of its own after the response it ends', async () => {
    expect(await recordsOf([data, reset], 'h2')).to.deep.equal([data.length, reset.length]);
  });

  it('has one too where an acknowledgement follows it', async () => {
    expect(await recordsOf([data, reset, windowUpdate], 'h2')).to.deep.equal([
      data.length,
      reset.length + windowUpdate.length,
    ]);
  });

  it('is one record where nothing precedes it', async () => {
    expect(await recordsOf([reset], 'h2')).to.deep.equal([reset.length]);
  });

  it('is nothing to a connection of another protocol', async () => {
    expect(await recordsOf([data, reset], 'http/1.1')).to.deep.equal([data.length + reset.length]);
  });
});
