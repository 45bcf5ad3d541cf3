import { renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import type { CertificateWatch } from '../../lib/tls/server/watch-certificate.ts';
import { HeldClock } from '../fixtures/held-clock.ts';
import { siteName } from '../fixtures/kms-sites.ts';
import { watchedCertificateFile } from '../fixtures/watched-certificate-file.ts';

describe('a watched certificate file that is refused', function () {
  this.timeout(60_000);
  const at = watchedCertificateFile();
  const { sites, issue, swappedBy, refusedBy, shownFingerprint } = at;

  describe('is tried again after a refusal, with back-off', () => {
    /** In one step: a file that is half written is refused, too. */
    function replaceFile(content: string): void {
      writeFileSync(`${at.folder}.next`, content);
      renameSync(`${at.folder}.next`, at.file);
    }

    let clock: HeldClock;
    const held = (options: object = {}): Promise<CertificateWatch> =>
      at.watched({ settle: 1, interval: 1_000_000_000, ...options }, clock);
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

    it("while the signer cannot be opened: at most a minute apart, with a 'refused' event for each failure", async () => {
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
        unlinkSync(at.file);
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
      at.watch?.close();
      expect(clock.delays).to.deep.equal([]);
    });
  });
});
