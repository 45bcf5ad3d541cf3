import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';

const executablePath = process.env['S2N_PKEY_TEST_CHROMIUM'] ?? '/usr/bin/chromium';

/** Skips the tests of the `describe` it is called in, and says why, where there is no Chromium. */
export function skipWithoutChromium(): void {
  before(function () {
    if (existsSync(executablePath)) return;
    console.log(`      skipped: there is no ${executablePath} here; install the package chromium`);
    this.skip();
  });
}

/** A headless Chromium with a profile of its own. */
export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Starts Chromium. Of all certificates that no authority vouches for it takes those with this one's key alone. */
export async function startChromium(certificate: string): Promise<Browser> {
  const { publicKey } = new X509Certificate(certificate);
  const spki = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }));
  const profile = mkdtempSync(join(tmpdir(), 's2n-pkey-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 1000 },
    args: [
      `--ignore-certificate-errors-spki-list=${spki.digest('base64')}`,
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update', '--no-proxy-server'],
    ],
  });
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
