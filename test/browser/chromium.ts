import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import { chromiumCommand } from '../fixtures/needs.ts';

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
    executablePath: chromiumCommand,
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
