import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { identity } from '../../../fixtures/identity.ts';
import { signingKey } from './signing-key.ts';
import { TcpPassage } from './tcp-passage.ts';

const inCheckout = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const program = inCheckout('test/fixtures/kms-signing-program.ts');
const sources = ['import', inCheckout('lib/index.ts')];

describe('A process that signs with KMS', function () {
  this.timeout(60_000);
  const { kms, arn } = signingKey();
  let folder: string;
  let passage: TcpPassage | undefined;
  // Loopback to the kernel and to the local KMS, but none of the names for which no proxy is used.
  const host = '127.0.0.2';
  const certified = `kms.example,IP:${host}`;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-kms-process-'));
    writeFileSync(join(folder, 'ca.pem'), identity('P-256').cert);
    writeFileSync(join(folder, 'example.pem'), identity('P-256', certified).cert);
  });
  afterEach(() => {
    passage?.close();
    passage = undefined;
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  /** What the process printed. That it ended by itself is part of it. */
  async function run(load: string[], more: object = {}, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
    const options = { keyId: arn(), ...kms().clientOptions, ...more };
    const args = ['--no-warnings', '--import', 'tsx', program, ...load, JSON.stringify(options)];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, ...env },
      timeout: 50_000,
    });
    return JSON.parse(stdout);
  }

  it('ends by itself once the signer is closed', async () => {
    expect(await run(sources)).to.deep.equal({ good: 20, sdkReason: null });
  });

  it('speaks TLS with KMS, and trusts what NODE_EXTRA_CA_CERTS adds', async () => {
    passage = await TcpPassage.open(kms().endpoint, { tls: identity('P-256') });
    const { endpoint } = passage;
    const found = await run(sources, { endpoint }, { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') });
    expect(found).to.deep.equal({ good: 20, sdkReason: null });
    expect(passage.opened).to.be.greaterThan(1); // The SDK's own, and those of the fast path.
  });

  describe('where the environment names a proxy', () => {
    const tunnels: string[] = [];
    let proxy: Server;
    let environment: NodeJS.ProcessEnv;
    beforeEach(async () => {
      tunnels.length = 0;
      proxy = createServer((_, response) => void response.writeHead(405).end());
      proxy.on('connect', ({ url = '' }: IncomingMessage, client: Socket) => {
        tunnels.push(url);
        const target = new URL(`http://${url}`);
        const server = connect(Number(target.port), target.hostname, () => {
          client.write('HTTP/1.1 200 OK\r\n\r\n');
          server.pipe(client).pipe(server);
        });
        server.on('error', () => client.destroy());
        client.on('error', () => server.destroy());
      });
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      passage = await TcpPassage.open(kms().endpoint, { host, tls: identity('P-256', certified) });
      const { port } = proxy.address() as AddressInfo;
      environment = {
        NODE_EXTRA_CA_CERTS: join(folder, 'example.pem'),
        HTTPS_PROXY: `http://127.0.0.1:${port}`,
        NO_PROXY: 'elsewhere.example',
      };
    });
    afterEach(() => {
      proxy.close();
      proxy.closeAllConnections();
    });

    for (const thread of ['main', 'worker'] as const) {
      it(`signs through it, thread: '${thread}'`, async () => {
        const found = await run(sources, { endpoint: passage?.endpoint, thread }, environment);
        expect(found).to.deep.equal({ good: 20, sdkReason: null });
        expect(new Set(tunnels)).to.deep.equal(new Set([`${host}:${passage?.port}`]));
        expect(tunnels).to.have.lengthOf(passage?.opened ?? 0);
        expect(tunnels.length).to.be.greaterThan(1); // The SDK's own, and those of signatures.
      });
    }

    it('signs without it where NO_PROXY has the host of KMS', async () => {
      const excepted = { ...environment, NO_PROXY: `elsewhere.example, ${host}` };
      const found = await run(sources, { endpoint: passage?.endpoint }, excepted);
      expect(found).to.deep.equal({ good: 20, sdkReason: null });
      expect(tunnels).to.deep.equal([]);
    });

    it('signs without it at 127.0.0.1', async () => {
      const onLoopback = await TcpPassage.open(kms().endpoint, { tls: identity('P-256', certified) });
      try {
        const found = await run(sources, { endpoint: onLoopback.endpoint }, environment);
        expect(found).to.deep.equal({ good: 20, sdkReason: null });
        expect(tunnels).to.deep.equal([]);
      } finally {
        onLoopback.close();
      }
    });

    it('says that a proxy cannot be reached', async () => {
      const gone = { ...environment, HTTPS_PROXY: 'http://127.0.0.1:1' };
      expect(await run(sources, { endpoint: passage?.endpoint }, gone)).to.deep.equal({
        code: 'ERR_S2N_PKEY_KMS_UNREACHABLE',
      });
    });
  });

  it('refuses a KMS whose certificate no trusted authority issued', async () => {
    passage = await TcpPassage.open(kms().endpoint, { tls: identity('P-256') });
    expect(await run(sources, { endpoint: passage.endpoint })).to.deep.equal({
      code: 'ERR_S2N_PKEY_KMS_UNREACHABLE',
    });
  });

  for (const [how, file] of [
    ['import', 'dist/lib/index.js'],
    ['require', 'dist/lib/index.cjs'],
  ] as const) {
    it(`may do so in a thread of the signer's own, in the package as it is published: ${how}`, async () => {
      const found = await run([how, inCheckout(file)], { thread: 'worker' });
      expect(found).to.deep.equal({ good: 20, sdkReason: null });
    });
  }
});
