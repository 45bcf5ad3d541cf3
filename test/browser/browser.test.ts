import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { serveDemo, type ServedDemo } from '../../lib/cli/demo/serve.ts';
import { attach } from '../../lib/index.ts';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { runningKmsSites } from '../fixtures/kms-sites.ts';
import { startChromium, type Browser } from './chromium.ts';
import { needs } from '../fixtures/needs.ts';

/** The part of ws that is used here: it comes without types. */
interface WebSocketServerLike {
  handleUpgrade(request: unknown, socket: Duplex, head: Buffer, done: (socket: WebSocketLike) => void): void;
}
interface WebSocketLike extends NodeJS.EventEmitter {
  send(data: string): void;
}
const { WebSocketServer } = createRequire(import.meta.url)('ws') as {
  WebSocketServer: new (options: object) => WebSocketServerLike;
};

const files: Record<string, { type: string; body: string } | undefined> = {
  '/': {
    type: 'text/html',
    body: `<!doctype html><title>test</title><link rel="stylesheet" href="/style.css">
      <h1>loading</h1><ul></ul><img src="/image.svg"><script src="/script.js"></script>`,
  },
  '/style.css': { type: 'text/css', body: 'h1 { color: rgb(1, 2, 3) }' },
  '/image.svg': {
    type: 'image/svg+xml',
    body: '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="30"><rect width="120" height="30"/></svg>',
  },
  '/large': { type: 'text/plain', body: 'x'.repeat(3_000_000) },
  '/script.js': {
    type: 'text/javascript',
    body: `
      const said = (text) => document.querySelector('ul').append(Object.assign(document.createElement('li'), { textContent: text }));
      fetch('/large').then((answer) => answer.text()).then((text) => said('large: ' + text.length));
      const socket = new WebSocket('wss://' + location.host);
      socket.onmessage = ({ data }) => said('socket: ' + data);
      socket.onopen = () => socket.send('from the page');
      document.querySelector('h1').textContent = 'loaded by script';`,
  },
};

describe('a browser', () => {
  needs('chromium');
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  async function open(certificate: string): Promise<void> {
    browser = await startChromium(certificate);
    page = await browser.context.newPage();
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
  }

  afterEach(async () => {
    await browser.close();
    complaints.length = 0;
  });

  describe('at a site whose key is in KMS', () => {
    const running = runningKmsSites('P-256');
    let server: Http2SecureServer;
    afterEach(() => void server.close());

    it('loads a page and all that belongs to it over HTTP/2, and holds a WebSocket', async () => {
      const { cert, signer } = running().site('P-256');
      server = attach(
        createSecureServer({ allowHTTP1: true }, (request, response) => {
          const file = files[request.url];
          response
            .writeHead(file ? 200 : 204, file ? { 'content-type': file.type } : {})
            .end(file?.body ?? '');
        }),
        { cert, signer },
      );
      const sockets = new WebSocketServer({ noServer: true });
      let held: WebSocketLike | undefined;
      server.on('upgrade', (request: unknown, socket: Duplex, head: Buffer) => {
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          held = webSocket;
          webSocket.on('message', (data) => webSocket.send(`heard ${String(data)}`));
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      await open(cert);
      await page.goto(`https://localhost:${(server.address() as AddressInfo).port}/`);

      const items = page.locator('li');
      await items.filter({ hasText: 'large: 3000000' }).waitFor();
      await items.filter({ hasText: 'socket: heard from the page' }).waitFor();
      expect(await page.textContent('h1')).to.equal('loaded by script');
      held?.send('pushed by the server');
      await items.filter({ hasText: 'socket: pushed by the server' }).waitFor();

      const loaded = await page.evaluate<{ protocols: string[]; color: string; width: number }>(`({
        protocols: performance.getEntries().filter((entry) => 'nextHopProtocol' in entry).map((entry) => entry.nextHopProtocol),
        color: getComputedStyle(document.querySelector('h1')).color,
        width: document.querySelector('img').naturalWidth,
      })`);
      expect(loaded.color).to.equal('rgb(1, 2, 3)');
      expect(loaded.width).to.equal(120);
      expect(loaded.protocols.length).to.be.at.least(5);
      expect([...new Set(loaded.protocols)]).to.deep.equal(['h2']);
      expect(complaints, 'what the page complained of').to.deep.equal([]);
    });
  });

  describe('at the page of the demonstration', () => {
    let kms: LocalKms;
    let demo: ServedDemo;
    before(async () => (kms = await startLocalKms()));
    after(() => kms.close());
    afterEach(() => demo.close());

    it('shows the connection, the certificate, the key, and each Sign call as it happens', async () => {
      const chosen = { description: 'a local KMS', isAws: false, clientOptions: kms.clientOptions };
      demo = await serveDemo({ ...chosen, close: () => Promise.resolve() }, 0);
      await open(demo.certificate);
      await page.goto(demo.url);
      await page.locator('#live.on').waitFor();
      expect(await page.textContent('#arn')).to.equal(demo.arn);
      const facts = (await page.textContent('#facts')) ?? '';
      for (const fact of [
        'TLSv1.3',
        'TLS_AES_',
        'ecdsa_secp384r1_sha384',
        'ALPNh2',
        'localhost',
        '127.0.0.1',
      ]) {
        expect(facts).to.contain(fact);
      }
      expect(await page.textContent('#certificate-text')).to.contain('Subject: CN=localhost');
      expect(await page.locator('#timeline .kms').count()).to.equal(1);

      const calls = page.locator('#calls tr');
      await calls.filter({ hasText: 'certificate' }).waitFor();
      const before = Number(await page.textContent('#count'));
      expect(before).to.be.at.least(2); // the certificate, and this page's handshake
      await page.click('#handshake');
      await page.locator('#calls tr.new').waitFor();
      const shown = Number(await page.textContent('#count'));
      expect(shown).to.be.greaterThan(before);
      expect((await kms.counters())['Sign']?.outcomes['ok']).to.be.at.least(shown);
      expect(complaints, 'what the page complained of').to.deep.equal([]);
      const pictures = process.env['S2N_PKEY_TEST_SCREENSHOT'];
      for (const width of [1280, 1100, 390]) {
        await page.setViewportSize({ width, height: 1000 });
        // A certificate's text scrolls inside its card.
        const overflowing = await page.evaluate<string[]>(`[...document.querySelectorAll('body *:not(pre)')]
          .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
          .map((one) => one.tagName + '#' + one.id)`);
        expect(overflowing, `what overflows at ${width} pixels`).to.deep.equal([]);
        if (pictures !== undefined)
          await page.screenshot({ path: `${pictures}-${width}.png`, fullPage: true });
      }
      expect(await page.locator('#legend').innerText()).to.match(/TLS.* ms\s+KMS Sign .* ms\s+TLS.* ms/);
    });
  });
});
