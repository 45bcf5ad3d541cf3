import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { createKey } from '../../lib/index.ts';
import { refuseOtherPlatforms } from '../../lib/native/other-platforms.ts';
import { identity } from '../fixtures/identity.ts';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const program = fileURLToPath(new URL('../fixtures/elsewhere-program.ts', import.meta.url));
const commandLine = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

/** For --import: a process that says it is on a Mac. */
const onMac = `data:text/javascript,${encodeURIComponent("Object.defineProperty(process, 'platform', { value: 'darwin' })")}`;

type Report = Readonly<Record<string, unknown>> & {
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
};

const refusal =
  /^ERR_S2N_PKEY_PLATFORM: s2n-pkey makes and serves TLS connections on Linux only, and this is darwin-\w+: run it in a container .*WSL/;
const kmsRefusal =
  /^ERR_S2N_PKEY_PLATFORM: only the key of a LocalKeySigner is served by node:tls, never one that is kept elsewhere \(.*signer is a KmsSigner\)/;

describe('A platform without the native addon', () => {
  let folder: string;
  let kms: LocalKms;
  let keyId: string;
  const { key, cert } = identity('P-256');

  before(async function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-elsewhere-'));
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'cert.pem'), cert);
    kms = await startLocalKms();
    const client = new KMSClient(kms.clientOptions);
    ({ keyId } = await createKey(client, { keySpec: 'ECC_NIST_P256' }));
    client.destroy();
  });
  after(async () => {
    await kms.close();
    rmSync(folder, { recursive: true });
  });

  async function run(environment: NodeJS.ProcessEnv, ...imports: string[]): Promise<Report> {
    const files = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const args = [tsx, ...imports].flatMap((module) => ['--import', module]);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...args, program, JSON.stringify(kms.clientOptions), keyId, ...files],
      { env: { ...process.env, S2N_PKEY_ADDON: '', ...environment }, timeout: 60_000 },
    );
    return JSON.parse(stdout) as Report;
  }

  it('has certificates, keys in KMS and preflight; what serves or connects throws, and names the ways', async () => {
    const report = await run({}, onMac);
    expect(new X509Certificate(String(report['certOfKms'])).subject).to.equal('CN=localhost');
    expect(report['request']).to.be.a('string').that.includes('CERTIFICATE REQUEST');
    expect(JSON.stringify(report['preflight']))
      .to.include('"PLATFORM"')
      .and.to.include('CERTIFICATE_SELF_SIGNED');
    for (const name of ['local', 'createServer', 'connect', 'attachKms']) {
      expect(report[name], name).to.match(refusal);
    }
    expect(report.warnings).to.deep.equal([]);
  }).timeout(90_000);

  for (const [where, environment, imports] of [
    ['on a Mac', {}, [onMac]],
    ['where S2N_PKEY_ADDON names no file', { S2N_PKEY_ADDON: '/nonexistent/s2n_pkey.node' }, []],
  ] as const) {
    it(`serves a LocalKeySigner by node:tls when asked, and no other key: ${where}`, async () => {
      const report = await run({ ...environment, S2N_PKEY_DEVELOPMENT_FALLBACK: '1' }, ...imports);
      expect(report['local']).to.equal('opened');
      expect(report['attachLocal']).to.deep.equal({ isNodes: true, protocol: 'TLSv1.2' });
      expect(report['attachKms']).to.match(kmsRefusal);
      expect(report['attachBoth']).to.match(kmsRefusal);
      for (const name of ['createServer', 'connect', 'sign']) {
        expect(report[name], name).to.match(/^ERR_S2N_PKEY_(PLATFORM|ADDON_NOT_FOUND): /);
      }
      expect(report['requestCert'], 'a client without a certificate').to.match(
        /alert|ECONNRESET|socket hang up/,
      );
      expect(report['SNICallback']).to.match(/^ERR_S2N_PKEY_INVALID_OPTION: SNICallback: /);
      expect(report['contexts']).to.match(kmsRefusal);
      expect(report['twice']).to.match(/^ERR_S2N_PKEY_ATTACH: .*attached already/);
      expect(report['ignored']).to.deep.equal({ isNodes: true, protocol: 'TLSv1.3' });
      expect(
        report.warnings
          .map(({ message }) => message)
          .filter((message) => message.endsWith(': securityPolicy.')),
      ).to.have.length(1);
      const [warning] = report.warnings;
      expect(warning?.code).to.equal('S2N_PKEY_NODE_TLS');
      expect(warning?.message)
        .to.include('the private key is in this process')
        .and.to.include('development only');
    }).timeout(90_000);
  }

  it('refuses another value of S2N_PKEY_DEVELOPMENT_FALLBACK by name', async () => {
    const report = await run({ S2N_PKEY_DEVELOPMENT_FALLBACK: 'yes' }, onMac);
    expect(report['local']).to.match(
      /^ERR_S2N_PKEY_INVALID_OPTION: S2N_PKEY_DEVELOPMENT_FALLBACK: expected '1'/,
    );
  }).timeout(90_000);

  it('has the doctor, which says what it could not check', async () => {
    const env = {
      ...process.env,
      ...{ S2N_PKEY_ADDON: '', AWS_ENDPOINT_URL_KMS: kms.endpoint, AWS_REGION: kms.region },
      AWS_ACCESS_KEY_ID: kms.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: kms.credentials.secretAccessKey,
    };
    const report = await run({}, onMac);
    writeFileSync(join(folder, 'kms.pem'), String(report['certOfKms']));
    const args = ['doctor', '--key', keyId, '--cert', join(folder, 'kms.pem'), '--signatures', '2', '--json'];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', tsx, '--import', onMac, commandLine, ...args],
      { env, timeout: 60_000 },
    ).catch((error: unknown) => error as { stdout: string });
    const { ok, pairs } = JSON.parse(stdout) as { ok: boolean; pairs: unknown };
    expect(JSON.stringify(pairs))
      .to.include('"PLATFORM"')
      .and.to.include('Check again where the server runs');
    expect(ok, JSON.stringify(pairs)).to.equal(true);
  }).timeout(90_000);

  it('does not start the local KMS or a build, and says why', async () => {
    for (const command of ['local-kms', 'build']) {
      const args = ['--import', tsx, '--import', onMac, commandLine, command];
      const outcome = await promisify(execFile)(process.execPath, args, {
        cwd: folder,
        env: { ...process.env, S2N_PKEY_ADDON: '' },
        timeout: 60_000,
      }).catch((error: unknown) => error as { stdout: string; stderr: string });
      expect(outcome.stdout, command).to.equal('');
      expect(outcome.stderr, command)
        .to.include('on Linux only, and this is darwin')
        .and.to.include('container');
    }
  }).timeout(90_000);

  it('is every one but Linux', () => {
    for (const platform of ['darwin', 'win32', 'freebsd'] as const) {
      const of = { ...process, platform, arch: 'arm64', env: {} } as NodeJS.Process;
      expect(() => refuseOtherPlatforms(of)).to.throw(`this is ${platform}-arm64`);
    }
    expect(() => refuseOtherPlatforms({ ...process, platform: 'linux', env: {} })).to.not.throw();
  });
});

describe('Where there is an addon, S2N_PKEY_DEVELOPMENT_FALLBACK', () => {
  it('has no effect', async () => {
    const source =
      "import { LocalKeySigner } from './lib/index.ts'; " +
      'console.log(new LocalKeySigner({ key: process.env.KEY }).developmentKey === undefined)';
    const { key } = identity('P-256');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', tsx, '--input-type=module', '-e', source],
      { env: { ...process.env, KEY: key, S2N_PKEY_DEVELOPMENT_FALLBACK: '1' } },
    );
    expect(stdout).to.equal('true\n');
  }).timeout(30_000);
});
