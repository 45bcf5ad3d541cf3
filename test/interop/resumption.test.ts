import { execFile } from 'node:child_process';
import { createServer as createHttpsServer } from 'node:https';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from 'node:net';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { attach, type TlsSocket } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { needs } from '../fixtures/needs.ts';

const { key, cert } = identity('P-256');

describe('Resumption by other clients', () => {
  let server: Server;
  let signer: AsynchronousSigner;
  let port: number;
  let folder: string;
  const reused: boolean[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-sessions-'));
    signer = new AsynchronousSigner(key);
    reused.length = 0;
    server = attach(
      createHttpsServer((_req, res) => res.end('answer\n')),
      { cert, signer },
    );
    server.on('secureConnection', (socket: TlsSocket) => reused.push(socket.isSessionReused()));
    port = await listen(server);
  });
  afterEach(async () => {
    await close(server);
    rmSync(folder, { recursive: true });
  });

  describe('openssl s_client', () => {
    needs('openssl');

    for (const protocol of ['-tls1_2', '-tls1_3']) {
      it(`with -sess_out and -sess_in needs no second signature, ${protocol.slice(1)}`, async () => {
        const file = join(folder, 'session.pem');
        const talk = async (session: string[]): Promise<string> => {
          const args = ['s_client', '-connect', `127.0.0.1:${port}`, protocol, '-ign_eof', ...session];
          const running = promisify(execFile)('openssl', args);
          running.child.stdin?.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
          return (await running).stdout;
        };
        expect(await talk(['-sess_out', file])).to.match(/^New, TLSv1/m);
        expect(existsSync(file)).to.equal(true);
        expect(await talk(['-sess_in', file])).to.match(/^Reused, TLSv1/m);
        expect(reused).to.deep.equal([false, true]);
        expect(signer.operations).to.have.lengthOf(1);
      });
    }
  });

  describe('curl', () => {
    needs('curl');

    // With TLS 1.2 Debian 12's curl resumes no session, not even one of node:tls.
    it('needs one signature for three connections with TLS 1.3', async () => {
      const url = `https://localhost:${port}/`;
      const { stdout } = await promisify(execFile)('curl', [
        ...['-q', '--silent', '--show-error', '--insecure', '--noproxy', '*', '--max-time', '20'],
        ...['--resolve', `localhost:${port}:127.0.0.1`, '--tlsv1.3'],
        ...['-H', 'Connection: close', url, url, url],
      ]);
      expect(stdout).to.equal('answer\n'.repeat(3));
      expect(reused).to.deep.equal([false, true, true]);
      expect(signer.operations).to.have.lengthOf(1);
    });
  });
});
