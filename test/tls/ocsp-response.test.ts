import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createServer as createTlsServer } from 'node:tls';
import type { Server } from 'node:net';
import { expect } from 'chai';
import { attach, createServer, type TlsServer } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { needs } from '../fixtures/needs.ts';

const { key, cert } = identity('P-256');

/** What a responder would say of the certificate, which is its own issuer. */
function ocspResponse(status: 'good' | 'revoked'): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-ocsp-'));
  try {
    const file = (name: string, content?: string): string => {
      const path = join(folder, name);
      if (content !== undefined) writeFileSync(path, content);
      return path;
    };
    const [certificate, privateKey] = [file('cert.pem', cert), file('key.pem', key)];
    const serial = execFileSync('openssl', ['x509', '-in', certificate, '-noout', '-serial'], {
      encoding: 'utf8',
    });
    const revoked = status === 'revoked' ? '240101000000Z' : '';
    const letter = status === 'revoked' ? 'R' : 'V';
    const number = serial.trim().replace('serial=', '');
    const index = file(
      'index.txt',
      `${letter}\t400101000000Z\t${revoked}\t${number}\tunknown\t/CN=localhost\n`,
    );
    const answer = file('answer.der');
    execFileSync(
      'openssl',
      [
        ...['ocsp', '-index', index, '-rsigner', certificate, '-rkey', privateKey, '-CA', certificate],
        ...['-issuer', certificate, '-cert', certificate, '-respout', answer, '-ndays', '1', '-noverify'],
      ],
      { stdio: 'pipe' },
    );
    return readFileSync(answer);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `openssl s_client -status` prints of the response that was stapled. */
async function stapled(port: number, protocol: string): Promise<string> {
  const running = promisify(execFile)('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-status', protocol],
  ]);
  running.child.stdin?.end();
  const { stdout } = await running;
  if (stdout.includes('OCSP response: no response sent')) return 'none';
  return /Cert Status: (\w+)/.exec(stdout)?.[1] ?? stdout;
}

describe('ocspResponse', () => {
  needs('openssl');
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) if (server.listening) await close(server);
  });
  function serving(options: object): TlsServer {
    const all = { cert, signer: new AsynchronousSigner(key), ...options };
    const server = createServer(all, (socket) => socket.resume());
    servers.push(server);
    return server;
  }

  for (const protocol of ['-tls1_2', '-tls1_3']) {
    it(`is stapled for clients that ask for it, and replaced while serving (${protocol.slice(1)})`, async () => {
      const server = serving({ ocspResponse: ocspResponse('good') });
      const port = await listen(server);
      expect(await stapled(port, protocol)).to.equal('good');
      server.setOcspResponse(ocspResponse('revoked'));
      expect(await stapled(port, protocol)).to.equal('revoked');
      server.setOcspResponse(null);
      expect(await stapled(port, protocol)).to.equal('none');
    });
  }

  it('belongs to its certificate: among several, on a context, on an attached server', async () => {
    const response = ocspResponse('good');
    const several = serving({
      cert: undefined,
      signer: undefined,
      identities: [{ cert, signer: new AsynchronousSigner(key), ocspResponse: response }],
    });
    expect(await stapled(await listen(several), '-tls1_3')).to.equal('good');
    const named = serving({});
    named.addContext('localhost', { cert, signer: new AsynchronousSigner(key), ocspResponse: response });
    expect(await stapled(await listen(named), '-tls1_3')).to.equal('good');
    const attached = attach(
      createTlsServer((socket) => socket.resume()),
      { cert, signer: new AsynchronousSigner(key) },
    );
    servers.push(attached);
    (attached as unknown as TlsServer).setOcspResponse(response);
    expect(await stapled(await listen(attached), '-tls1_3')).to.equal('good');
  });

  it('is refused by name if it is not an OCSP response', () => {
    expect(() => serving({ ocspResponse: Buffer.from('PEM') })).to.throw(/^ocspResponse: .*DER/);
    expect(() => serving({}).setOcspResponse('x' as never)).to.throw(/^ocspResponse:/);
  });
});
