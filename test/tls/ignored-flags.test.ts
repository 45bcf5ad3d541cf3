import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { ignoredFlags, warningsOfIgnoredFlags } from '../../lib/tls/context/ignored-flags.ts';

/** Node's options of TLS and OpenSSL that hold here; each has a test of its effect. */
const held = new Set([
  '--tls-keylog', // client-keylog.test.ts
  '--tls-min-v1.2', // client-floors.test.ts
  '--tls-min-v1.3',
  '--tls-max-v1.2',
  '--tls-max-v1.3',
  '--use-bundled-ca', // pem-input.test.ts
  '--use-openssl-ca',
  '--use-system-ca',
]);

describe('Options of Node itself', () => {
  it('of TLS, OpenSSL and trust hold here or are warned of, in the release of Node that runs this', () => {
    const help = execFileSync(process.execPath, ['--help'], { encoding: 'utf8' });
    const flags = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w.-]+)/gm)].map(([, flag = '']) => flag);
    const concerned = flags.filter((flag) => /tls|ssl|fips|secure-heap|-ca$/.test(flag));
    expect(concerned).to.include.members(['--tls-cipher-list', '--openssl-config', '--force-fips']);
    for (const flag of concerned) {
      expect(held.has(flag) !== flag in ignoredFlags, `${flag} is held or warned of`).to.equal(true);
    }
  });

  it('are seen on the command line and in NODE_OPTIONS, with values and with underscores', () => {
    const warnings = warningsOfIgnoredFlags('--tls_cipher_list="a b" --max-old-space-size=100', [
      '--openssl-config=/etc/ssl/node.cnf',
      '--secure-heap=65536',
      '--tls-min-v1.0',
      '--tls-min-v1.2',
      '--title=--force-fips',
    ]);
    const flags = warnings.map((warning) => warning.replace(/ .*/, ''));
    expect(flags).to.deep.equal(['--tls-cipher-list', '--tls-min-v1.0', '--openssl-config', '--secure-heap']);
  });

  it('cause no warning if the process has none of them', () => {
    expect(warningsOfIgnoredFlags(undefined, [])).to.deep.equal([]);
  });
});
