import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createKey } from '../../lib/index.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';
import { run, runningKms } from '../local-kms/running-kms.ts';
import { runCommand, type CommandRun } from './command-run.ts';

describe('s2n-pkey certificates', function () {
  this.timeout(120_000); // each run is a process
  const running = runningKms();
  const directory = mkdtempSync(join(tmpdir(), 'certificates-command-'));
  const file = (name: string): string => join(directory, name);
  after(() => rmSync(directory, { recursive: true, force: true }));
  before(async () => {
    await createKey(running().client, { alias: 'alias/site', keySpec: 'ECC_NIST_P256' });
  });

  const certificates = (...args: string[]): Promise<CommandRun> =>
    runCommand(['certificates', ...args], environmentOf(running().kms));

  it('requests a certificate for a key in KMS, which openssl verifies', async () => {
    const args = ['request', '--key', 'alias/site', '--name', 'site.example', '--name', '192.0.2.1'];
    const { code, output, errors } = await certificates(...args, '--out', file('site.csr'));
    expect({ code, output }).to.deep.equal({ code: 0, output: `Wrote ${file('site.csr')}.\n` });
    expect(errors).to.contain('send it to your certificate authority');
    const { stdout, stderr } = await run('openssl', [
      'req',
      '-in',
      file('site.csr'),
      '-noout',
      '-text',
      '-verify',
    ]);
    expect(stdout + stderr).to.contain('verify OK');
    expect(stdout).to.contain('DNS:site.example, IP Address:192.0.2.1');
    const json = JSON.parse((await certificates(...args, '--json')).output) as Record<string, unknown>;
    expect(json).to.deep.include({ subject: 'CN=site.example', names: ['site.example', '192.0.2.1'] });
    expect(json['pem']).to.match(/^-----BEGIN CERTIFICATE REQUEST-----/);
  });

  it('makes a self-signed certificate, shows it, and renews it with the same names', async () => {
    const made = await certificates(
      ...['self-signed', '--key', 'alias/site', '--name', 'a.example', '--name', 'b.example', '--days', '10'],
      ...['--subject', 'CN=a.example, O=Example Ltd', '--out', file('site.pem')],
    );
    expect(made.code, made.errors).to.equal(0);
    const shown = await certificates('show', file('site.pem'));
    expect(shown.output)
      .to.match(/^names +a\.example, b\.example$/m)
      .and.to.match(/^daysLeft +9$/m);

    const renewed = await certificates(
      ...['renew', '--key', 'alias/site', '--cert', file('site.pem'), '--out', file('new.pem')],
    );
    expect(renewed.code, renewed.errors).to.equal(0);
    const [old, fresh] = ['site.pem', 'new.pem'].map((name) => new X509Certificate(readFileSync(file(name))));
    expect(fresh?.subjectAltName).to.equal(old?.subjectAltName);
    expect(fresh?.subject).to.equal(old?.subject);
    expect(fresh?.serialNumber).not.to.equal(old?.serialNumber);
    expect(fresh?.publicKey.equals(old?.publicKey as never)).to.equal(true);
  });

  it('makes the request that renews a certificate of an authority', async () => {
    await certificates('request', '--key', 'alias/site', '--name', 'site.example', '--out', file('site.csr'));
    await run('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=Authority',
      ],
      ...['-keyout', file('ca.key'), '-out', file('ca.pem')],
    ]);
    await run('openssl', [
      ...['x509', '-req', '-in', file('site.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key')],
      ...['-copy_extensions', 'copy', '-out', file('issued.pem')],
    ]);
    const { code, output, errors } = await certificates(
      ...['renew', '--key', 'alias/site', '--cert', file('issued.pem')],
    );
    expect(code, errors).to.equal(0);
    expect(output).to.match(/^-----BEGIN CERTIFICATE REQUEST-----/);
    expect(errors).to.contain('send it to CN=Authority');
  });

  it('says what is wrong in one sentence, and writes nothing', async () => {
    await createKey(running().client, { alias: 'alias/other' });
    for (const [args, code, problem] of [
      [['request', '--key', 'alias/site'], 2, '--name is required'],
      [['request', '--key', 'alias/none', '--name', 'a.example'], 1, 'ERR_S2N_PKEY_KMS_NOT_FOUND'],
      [['self-signed', '--key', 'alias/site', '--name', 'a b'], 2, 'host name'],
      [['renew', '--key', 'alias/other', '--cert', file('site.pem')], 1, 'ERR_S2N_PKEY_KEY_MISMATCH'],
      [['show', file('none.pem')], 2, 'cannot be read'],
    ] as const) {
      const result = await certificates(...args);
      expect(result.errors).to.contain(problem);
      expect(result.output).to.equal('');
      expect(result.code, problem).to.equal(code);
    }
  });
});
