import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-kms-process-'));
    writeFileSync(join(folder, 'ca.pem'), identity('P-256').cert);
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

  it('refuses a KMS whose certificate nobody vouches for', async () => {
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
