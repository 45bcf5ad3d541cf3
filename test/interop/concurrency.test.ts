import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createServer, type TlsServer } from '../../lib/index.ts';
import type { OperationCounters } from '../../lib/local-kms/start.ts';
import { beatDuring, type Beat } from '../fixtures/beat.ts';
import { runningKmsSites, siteName } from '../fixtures/kms-sites.ts';
import { close, listen } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';

const handshakes = 200;
/** Milliseconds between two ticks of the timer that must keep its beat. */
const interval = 10;

describe(`${handshakes} handshakes at once, each signed by a KMS that takes its time`, function () {
  this.timeout(30_000);
  const running = runningKmsSites('P-256');
  let folder = '';
  let server: TlsServer | undefined;
  let clients: Program | undefined;

  before(async function () {
    this.timeout(60_000);
    const { cert, signer } = running().site('P-256');
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-concurrency-'));
    const trusted = join(folder, 'trusted.pem');
    writeFileSync(trusted, cert);
    server = createServer({ cert, signer, signatureLimits: false }, (socket) => socket.end('done'));
    const args = [await listen(server), handshakes, siteName, trusted].map(String);
    // In another process: what the clients cost must not be mistaken for what the server costs this event loop.
    clients = runProgram(new URL('../fixtures/many-clients.ts', import.meta.url), args);
    expect(await clients.nextLine()).to.deep.equal({ ready: true });
    // Code compiled and connections to KMS opened, here as in the clients.
    await handshakesWithLatency(0);
  });

  after(async () => {
    await clients?.stop();
    if (server !== undefined) await close(server);
    rmSync(folder, { recursive: true });
  });

  afterEach(() => running().kms.behave());

  interface Outcome {
    readonly milliseconds: number;
    readonly sign: OperationCounters | undefined;
    readonly beat: Beat;
  }

  /** All handshakes over a KMS whose every signature takes this long. */
  async function handshakesWithLatency(milliseconds: number): Promise<Outcome> {
    const { kms } = running();
    await kms.misbehave({ kind: 'latency', milliseconds });
    await kms.resetCounters();
    if (clients === undefined) throw new Error('the clients are not running');
    const { sendLine, nextLine } = clients;
    let report: unknown;
    const beat = await beatDuring(interval, async () => {
      sendLine('go');
      report = await nextLine();
    });
    expect(report).to.include({ completed: handshakes }).and.to.have.property('failures').that.is.empty;
    const { milliseconds: taken } = report as { milliseconds: number };
    return { milliseconds: taken, sign: (await kms.counters())['Sign'], beat };
  }

  it('take nearer one latency of 50 ms than 200 of them, one Sign request each', async () => {
    const latency = 50;
    const { milliseconds, sign } = await handshakesWithLatency(latency);
    expect(sign?.outcomes).to.deep.equal({ ok: handshakes });
    expect(sign?.maxInFlight).to.be.greaterThan(10);
    // One after the other they would take 10 s. On an idle machine it is a third of a second.
    expect(milliseconds).to.be.within(latency, ((1 + handshakes) * latency) / 2);
  });

  it('all wait for KMS at the same time, none for another', async () => {
    const { sign } = await handshakesWithLatency(1_500);
    expect(sign?.outcomes).to.deep.equal({ ok: handshakes });
    expect(sign?.maxInFlight).to.equal(handshakes);
  });

  it('leave the event loop free: a timer keeps its beat', async () => {
    const latency = 1_000;
    const { beat } = await handshakesWithLatency(latency);
    expect(beat.elapsed).to.be.greaterThan(latency);
    expect(beat.ticks).to.be.greaterThan(beat.elapsed / interval / 4);
    // Whatever waited for so much as one signature would pause for longer.
    expect(beat.longestPause).to.be.lessThan(latency);
  });

  it('are measured by a timer that notices a blocked event loop', async () => {
    const beat = await beatDuring(interval, async () => {
      const until = performance.now() + 1_000;
      while (performance.now() < until);
    });
    expect(beat.longestPause).to.be.at.least(1_000);
    expect(beat.ticks).to.be.lessThan(beat.elapsed / interval / 4);
  });
});
