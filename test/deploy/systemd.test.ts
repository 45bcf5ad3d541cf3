import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { needs } from '../fixtures/needs.ts';

const units = fileURLToPath(new URL('../../deploy/systemd', import.meta.url));
const service = 's2n-pkey-signer.service';

const all = readdirSync(units).filter((name) => /\.(service|socket)$/.test(name));
const services = all.filter((name) => name.endsWith('.service'));

describe('The systemd units', () => {
  needs('systemd');

  function analyze(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync('systemd-analyze', args, { cwd: units, encoding: 'utf8' });
  }

  it('have no entry that systemd does not know', () => {
    expect(services).to.include.members([service, 's2n-pkey-server.service']);
    const { status, stderr } = analyze('verify', ...all.map((name) => `./${name}`));
    // Unknown entries only cause a warning. The programs are where the package is installed, not here.
    const findings = stderr.split('\n').filter((line) => line !== '' && !line.includes('is not executable'));
    expect(findings).to.deep.equal([]);
    expect(status).to.equal(0);
  });

  for (const name of services) {
    it(`${name} is exposed below 3 by systemd-analyze security`, () => {
      const { stdout } = analyze('security', '--offline=true', `./${name}`);
      const [, exposure] = /Overall exposure level for \S+: (\d+(?:\.\d+)?)/.exec(stdout) ?? [];
      expect(Number(exposure), stdout).to.be.below(3);
    });
  }

  it('do not put the peers of the signer into another user namespace, where none could be told from another', () => {
    expect(readFileSync(`${units}/${service}`, 'utf8')).not.to.match(/^PrivateUsers=/m);
  });
});
