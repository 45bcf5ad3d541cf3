import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { createServer, type TlsServer, type TlsSocket } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');

describe("The server's 'keylog' event", () => {
  let server: TlsServer;
  beforeEach(() => {
    server = createServer({ cert, signer: new AsynchronousSigner(key) }, (socket) => socket.end('answer'));
  });
  afterEach(() => close(server));

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`gives the lines that the client's own log has, with ${version}`, async () => {
      const port = await listen(server);
      const lines: string[] = [];
      const sockets = new Set<unknown>();
      server.on('keylog', (line: Buffer, socket: TlsSocket) => {
        lines.push(line.toString('latin1'));
        sockets.add(socket);
      });
      const secure = once(server, 'secureConnection') as Promise<[TlsSocket]>;
      const client = connect({
        port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
      });
      const own: string[] = [];
      client.on('keylog', (line: Buffer) => own.push(line.toString('latin1')));
      const [socket] = await secure;
      expect(lines, 'before secureConnection').not.to.have.lengthOf(0);
      await readAll(client);
      expect(lines.sort()).to.deep.equal(own.sort());
      expect([...sockets]).to.deep.equal([socket]);
    });
  }

  it('is emitted for a handshake that failed, with the socket of tlsClientError', async () => {
    const port = await listen(server);
    const told = once(server, 'keylog') as Promise<[Buffer, TlsSocket]>;
    const failed = once(server, 'tlsClientError') as Promise<[Error, TlsSocket]>;
    const client = connect({ port, host: '127.0.0.1', minVersion: 'TLSv1.3' }); // trusts nobody
    client.on('error', () => undefined);
    const [line, socket] = await told;
    expect(line.toString()).to.match(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+\n$/);
    expect((await failed)[1]).to.equal(socket);
  });
});
