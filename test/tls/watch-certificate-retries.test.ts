import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import { createServer, type TlsServer } from '../../lib/tls/server/create-server.ts';
import {
  watchCertificate,
  type CertificateWatch,
  type SwappedCertificate,
  type WatchClock,
} from '../../lib/tls/server/watch-certificate.ts';
import { runningKmsSites, siteName } from '../fixtures/kms-sites.ts';

describe('a watched certificate file that is refused', function () {
  this.timeout(60_000);
  const sites = runningKmsSites('P-256', 'P-384');
  let folder: string;
  let file: string;
  let server: TlsServer;
  let watch: CertificateWatch | undefined;

  /** Another certificate for the key of the P-256 site. */
  const issue = (validDays: number): Promise<string> =>
    createSelfSignedCertificate({
      signer: sites().site('P-256').signer,
      subject: `CN=${siteName}`,
      altNames: { dns: [siteName] },
      validDays,
    });

  async function swappedBy(change: () => void): Promise<SwappedCertificate> {
    if (watch === undefined) throw new Error('nothing is watched');
    const swapped = once(watch, 'swapped');
    change();
    const [certificate] = (await swapped) as [SwappedCertificate];
    return certificate;
  }

  async function refusedBy(change: () => void): Promise<Error> {
    if (watch === undefined) throw new Error('nothing is watched');
    const refused = once(watch, 'refused');
    change();
    const [error] = (await refused) as [Error];
    return error;
  }

  /** A client that has seen the server's certificate. */
  async function client(servername = siteName): Promise<TLSSocket> {
    const { port } = server.address() as AddressInfo;
    const socket = tlsConnect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Ends in order: a client that is destroyed has its server's handshake fail, if its last bytes are still under way. */
  async function ended(socket: TLSSocket): Promise<void> {
    const closed = once(socket, 'close');
    socket.resume().end();
    await closed;
  }

  async function shownFingerprint(servername?: string): Promise<string> {
    const socket = await client(servername);
    const { fingerprint256 } = socket.getPeerCertificate();
    await ended(socket);
    return fingerprint256;
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-watch-'));
    file = join(folder, 'cert.pem');
    writeFileSync(file, await issue(30));
    const { cert, signer } = sites().site('P-256');
    server = createServer({ cert, signer }, (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    watch?.close();
    watch = undefined;
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  describe('is tried again after a refusal, with back-off', () => {
    /** A time that only a test moves on. */
    class HeldClock implements WatchClock {
      time = Date.now();
      readonly timers = new Map<() => void, number>();

      now(): number {
        return this.time;
      }

      after(milliseconds: number, act: () => void): () => void {
        this.timers.set(act, milliseconds);
        return () => this.timers.delete(act);
      }

      /** The delays that are waited for. */
      get delays(): number[] {
        return [...this.timers.values()];
      }

      /** Lets the only timer's time pass. */
      pass(): void {
        const [[act, delay] = expect.fail('no timer is waited for')] = this.timers;
        this.time += delay;
        this.timers.delete(act);
        act();
      }
    }

    /** In one step: a file that is half written is refused, too. */
    function replaceFile(content: string): void {
      writeFileSync(`${folder}.next`, content);
      renameSync(`${folder}.next`, file);
    }

    let clock: HeldClock;
    const held = async (options: object = {}): Promise<CertificateWatch> => {
      const { signer } = sites().site('P-256');
      const all = { cert: file, signer, settle: 1, interval: 1_000_000_000, ...options };
      return (watch = await watchCertificate(server, all, clock));
    };
    beforeEach(() => (clock = new HeldClock()));

    it("where the authority's clock is ahead: served once this machine's has caught up", async () => {
      await held();
      const before = await shownFingerprint();
      const start = new Date(Math.ceil(clock.time / 1_000) * 1_000 + 2_000);
      const next = await createSelfSignedCertificate({
        signer: sites().site('P-256').signer,
        subject: `CN=${siteName}`,
        notBefore: start,
        notAfter: new Date(start.getTime() + 86_400_000),
      });
      const early = await refusedBy(() => {
        replaceFile(next);
      });
      expect(early.message).to.contain('valid from');
      expect(clock.delays).to.deep.equal([1_000]);
      await refusedBy(() => {
        clock.pass();
      });
      expect(await shownFingerprint()).to.equal(before);
      expect(clock.delays).to.deep.equal([2_000]);
      const swapped = await swappedBy(() => {
        clock.pass();
      });
      expect(await shownFingerprint())
        .to.equal(swapped.fingerprint)
        .and.not.to.equal(before);
      expect(clock.delays).to.deep.equal([]);
    });

    it('where the signer cannot be found for long: at most a minute apart, and each failure is told', async () => {
      let fails = false;
      const { signer } = sites().site('P-256');
      await held({
        signer: () => (fails ? Promise.reject(new Error('the signer is away')) : Promise.resolve(signer)),
      });
      fails = true;
      const next = await issue(40);
      await refusedBy(() => {
        replaceFile(next);
      });
      const delays: number[] = [];
      for (let tries = 0; tries < 8; tries++) {
        delays.push(...clock.delays);
        const error = await refusedBy(() => {
          clock.pass();
        });
        expect(error.message).to.contain('the signer is away');
      }
      expect(delays).to.deep.equal([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
      fails = false;
      const { fingerprint } = await swappedBy(() => {
        clock.pass();
      });
      expect(await shownFingerprint()).to.equal(fingerprint);
    });

    it('where the signer is never found: refused after a minute', async () => {
      let hangs = false;
      const { signer } = sites().site('P-256');
      const asked = new Promise<void>((resolve) => {
        void held({
          signer: () => {
            if (!hangs) return signer;
            setImmediate(resolve);
            return new Promise<never>(() => undefined);
          },
        }).then(async () => {
          hangs = true;
          replaceFile(await issue(40));
        });
      });
      await asked;
      expect(clock.delays).to.deep.equal([60_000]);
      const error = await refusedBy(() => {
        clock.pass();
      });
      expect(error.message).to.contain('did not settle within 60000 ms');
      hangs = false;
      await swappedBy(() => {
        clock.pass();
      });
    });

    it('where the file could not be read', async () => {
      await held();
      const before = await shownFingerprint();
      const next = await issue(40);
      await refusedBy(() => {
        unlinkSync(file);
      });
      await refusedBy(() => {
        clock.pass();
      });
      await swappedBy(() => {
        replaceFile(next);
      });
      expect(await shownFingerprint()).not.to.equal(before);
      expect(clock.delays).to.deep.equal([]);
    });

    it('and no more once it is closed', async () => {
      await held();
      await refusedBy(() => {
        replaceFile('no certificate');
      });
      expect(clock.delays).to.deep.equal([1_000]);
      watch?.close();
      expect(clock.delays).to.deep.equal([]);
    });
  });
});
