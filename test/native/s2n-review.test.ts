import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const reviewed = readFileSync(join(checkout, 'binding/s2n/reviewed.cmake'), 'utf8');
const version = /set\(s2n_reviewed_versions ([\d.]+)/.exec(reviewed)?.[1] ?? '';
const sources = join(checkout, 'vendor/sources', `s2n-tls-sys-${version}`, 'lib');

describe('the build, of which s2n-tls was reviewed', () => {
  let crate: string;

  beforeEach(() => {
    crate = mkdtempSync(join(tmpdir(), 's2n-pkey-review-'));
    for (const [, file = ''] of reviewed.matchAll(/^ {2}[0-9a-f]{64} (\S+)$/gm)) {
      mkdirSync(join(crate, 'lib', dirname(file)), { recursive: true });
      cpSync(join(sources, file), join(crate, 'lib', file));
    }
    writeFileSync(join(crate, 'Cargo.toml'), `[package]\nversion = "${version}"\n`);
  });
  afterEach(() => rmSync(crate, { recursive: true, force: true }));

  function review(environment: NodeJS.ProcessEnv = {}): { status: number | null; said: string } {
    const script = join(checkout, 'binding/s2n/review.cmake');
    const { status, stderr } = spawnSync(
      'cmake',
      [`-DS2N_TLS_SOURCE_DIR=${join(crate, 'lib')}`, '-P', script],
      {
        env: { ...process.env, ...environment },
        encoding: 'utf8',
      },
    );
    return { status, said: stderr.replaceAll(/\s+/g, ' ') };
  }

  it('takes the pinned version', () => {
    expect(review()).to.deep.equal({ status: 0, said: '' });
  });

  it('refuses another version by name, and says what to review', () => {
    writeFileSync(join(crate, 'Cargo.toml'), '[package]\nversion = "9.8.7"\n');
    const { status, said } = review();
    expect(status).to.equal(1);
    expect(said).to.include('s2n-tls 9.8.7');
    expect(said).to.include('has not been reviewed for binding/s2n');
    expect(said).to.include('build/core_test');
  });

  it('refuses changed contents whatever their version, and names each file', () => {
    appendFileSync(join(crate, 'lib/tls/s2n_recv.c'), '/* changed */\n');
    rmSync(join(crate, 'lib/tls/s2n_shutdown.c'));
    const { status, said } = review();
    expect(status).to.equal(1);
    expect(said).to.include(`Changed since ${version}: tls/s2n_recv.c tls/s2n_shutdown.c.`);
    expect(said).to.match(/[0-9a-f]{64} tls\/s2n_recv\.c/);
  });

  it('takes what is being reviewed, with a warning', () => {
    appendFileSync(join(crate, 'lib/tls/s2n_recv.c'), '/* changed */\n');
    const { status, said } = review({ S2N_PKEY_UNREVIEWED_S2N: '1' });
    expect(status).to.equal(0);
    expect(said).to.include('CMake Warning');
    expect(said).to.include('tls/s2n_recv.c');
  });
});
