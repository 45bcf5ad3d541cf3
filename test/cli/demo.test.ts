import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { demonstrate, serverName } from '../../lib/cli/demo/demonstration.ts';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { findOrCreateDemoKey } from '../../lib/signers/kms/keys/demo-key.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';
import { testNeeds } from '../fixtures/needs.ts';
import { readAll } from '../fixtures/peers.ts';

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

interface Run {
  code: number | null;
  output: string;
  errors: string;
}

/** `npx s2n-pkey …` as a process of its own, knowing no more of AWS than `env` tells it. */
async function command(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const child = start(args, env);
  const run: Run = { code: null, output: '', errors: '' };
  child.stdout.on('data', (part: Buffer) => (run.output += part.toString()));
  child.stderr.on('data', (part: Buffer) => (run.errors += part.toString()));
  await once(child, 'close');
  run.code = child.exitCode;
  return run;
}

/** Runs a program on a terminal of its own, and types `answer` when `question` has been asked. */
async function onTerminal(
  program: readonly string[],
  env: NodeJS.ProcessEnv,
  question: string,
  answer: string,
): Promise<Run> {
  const child = spawn('script', ['--quiet', '--return', '--command', program.join(' '), '/dev/null'], {
    env: { ...environment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const run: Run = { code: null, output: '', errors: '' };
  child.stdout.on('data', (part: Buffer) => {
    const asked = run.output.includes(question);
    run.output += part.toString();
    if (!asked && run.output.includes(question)) child.stdin.write(answer);
  });
  child.stderr.on('data', (part: Buffer) => (run.errors += part.toString()));
  await once(child, 'close');
  run.code = child.exitCode;
  return run;
}

/** This process's environment without what it says of AWS. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  return {
    ...Object.fromEntries(inherited),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
}

function start(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    env: { ...environment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

describe('the demonstration', () => {
  let kms: LocalKms;

  before(async () => {
    kms = await startLocalKms();
  });
  after(async () => {
    await kms.close();
  });

  it('completes a handshake whose one private-key operation KMS does, for a client that trusts only the certificate', async () => {
    await kms.resetCounters();
    const run = await demonstrate(kms.clientOptions);
    expect(run.keyCreated).to.equal(true);
    expect(run.key).to.include({ keySpec: 'ECC_NIST_P384', keyUsage: 'SIGN_VERIFY', state: 'Enabled' });
    expect(run.clientAuthorized).to.equal(true);
    expect(run.received).to.equal(`You said: ${run.sent}`);
    expect(run.handshake).to.include({ kind: 'full', protocol: 'TLSv1.3', scheme: 'ecdsa_secp384r1_sha384' });
    expect(run.handshake.stopped).to.be.lessThan(run.handshake.continued);
    expect(run.handshake.continued).to.be.lessThan(run.handshake.done);
    expect(run.handshakeSigns).to.have.lengthOf(1);
    expect((await kms.counters())['Sign']?.requests).to.equal(2); // one for the certificate, one for the handshake
    expect(new X509Certificate(run.certificate).checkHost(serverName)).to.equal(serverName);
    expect(run.certificateText).to.contain('ecdsaWithSHA384').and.to.contain(serverName);
  });

  it('finds its key again', async () => {
    const first = await demonstrate(kms.clientOptions);
    const second = await demonstrate(kms.clientOptions);
    expect(second.keyCreated).to.equal(false);
    expect(second.key.arn).to.equal(first.key.arn);
  });

  it('shows all of it on the terminal, and deletes its keys when asked to', async function () {
    this.timeout(120_000); // three programs, one after the other
    const data = await mkdtemp(join(tmpdir(), 's2n-pkey-demo-'));
    try {
      const shown = await command(['demo', '--data', data]);
      expect(shown.errors).to.equal('');
      expect(shown.code).to.equal(0);
      const arn = /^Key +(arn:\S+) \(ECC_NIST_P384, created now\)$/m.exec(shown.output)?.[1] ?? '';
      expect(arn).to.match(/^arn:aws:kms:/);
      for (const line of [
        /^KMS +a local KMS at http:\/\/127\.0\.0\.1:\d+, .*development only \(no AWS Region and credentials/m,
        /^ +It costs nothing\.$/m,
        ...(Number.parseInt(process.versions.node, 10) < 22
          ? [/^Node\.js +v20\S+: AWS SDK releases from January 2027 on require Node\.js 22 or later$/m]
          : []),
        /^Client +trusts only that certificate: chain and name verified$/m,
        /^Answer +"You said: /m,
        /^Handshake +full$/m,
        /^Cipher suite +TLS_/m,
        /^ +\d+\.\d\d {2}handshake stopped at the private-key operation/m,
        /^ +KMS Sign, ecdsa_secp384r1_sha384: \d+\.\d\d ms$/m,
        /^ +Subject: CN=async-pkey\.demo\.s2n$/m,
      ]) {
        expect(shown.output).to.match(line);
      }
      const cleaned = await command(['demo', 'clean', '--data', data]);
      expect(cleaned.code).to.equal(0);
      expect(cleaned.output).to.contain(`Deleted       ${arn}, scheduled for `);
      const again = await command(['demo', 'clean', '--data', data]);
      expect(again.output).to.contain('There is no key of the demo.');
    } finally {
      await rm(data, { recursive: true });
    }
  });

  describe('with an AWS account configured', () => {
    let account: LocalKms;
    let env: Record<string, string>;
    const created = async (): Promise<number> => (await account.counters())['CreateKey']?.requests ?? 0;
    beforeEach(async () => {
      account = await startLocalKms();
      env = environmentOf(account);
    });
    afterEach(() => account.close());

    it('uses it, and says so, what it creates, and what that costs', async () => {
      const run = await command(['demo', '--yes'], env);
      expect(run.errors).to.equal('');
      expect(run.code).to.equal(0);
      expect(run.output).to.match(/^KMS +AWS KMS in us-east-1 at http:/m);
      expect(run.output).to.match(/\$1 a month .* \$0\.15 per 10,000 requests/);
      expect(run.output).to.match(/^Key +arn:\S+ \(ECC_NIST_P384, created now\)$/m);
      expect(run.output).not.to.contain(account.credentials.secretAccessKey);
    });

    it('creates nothing without --yes where there is no terminal, and needs no --yes for a key that exists', async () => {
      const refused = await command(['demo'], env);
      expect(refused.code).to.equal(1);
      expect(refused.output).to.match(/^To create +one P-384 signing key .* alias\/s2n-pkey-demo/m);
      expect(refused.errors).to.match(/--yes/);
      expect(await created()).to.equal(0);

      const client = new KMSClient(account.clientOptions);
      await findOrCreateDemoKey(client);
      client.destroy();
      const found = await command(['demo'], env);
      expect(found.errors).to.equal('');
      expect(found.output).to.match(/^Key .*, found\)$/m);
    });

    for (const [answer, keys, code] of [
      ['n', 0, 1],
      ['', 0, 1],
      ['y', 1, 0],
    ] as const) {
      it(`asks once on a terminal, and creates ${keys} keys for the answer '${answer}'`, async function () {
        testNeeds(this, 'util-linux');
        const program = [process.execPath, '--import', 'tsx', main, 'demo'];
        const run = await onTerminal(program, env, 'Create it?', `${answer}\n`);
        expect(run.output.split('Create it?')).to.have.lengthOf(2);
        expect(run.code).to.equal(code);
        expect(await created()).to.equal(keys);
        expect(run.output).to.contain(keys === 0 ? 'Nothing was created.' : 'created now');
      });
    }
  });

  const refusals: [string, NodeJS.ProcessEnv, RegExp][] = [
    [
      'credentials that KMS does not know',
      { AWS_ACCESS_KEY_ID: 'AKIAWRONG', AWS_SECRET_ACCESS_KEY: 'wrong' },
      /credential/i,
    ],
    [
      'no way to KMS',
      { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'x', AWS_ENDPOINT_URL_KMS: 'http://127.0.0.1:1' },
      /reach|connect/i,
    ],
  ];
  for (const [what, env, message] of refusals) {
    it(`ends in one sentence for ${what}`, async () => {
      const run = await command(['demo'], {
        AWS_REGION: kms.region,
        AWS_ENDPOINT_URL_KMS: kms.endpoint,
        ...env,
      });
      expect(run.code).to.equal(1);
      expect(run.errors.trimEnd().split('\n')).to.have.lengthOf(1);
      expect(run.errors).to.match(message);
    });
  }

  it('serves a page until it is stopped, with --serve', async () => {
    const data = await mkdtemp(join(tmpdir(), 's2n-pkey-demo-'));
    const child = start(['demo', '--serve', '--port', '0', '--data', data]);
    try {
      let output = '';
      for await (const part of child.stdout) {
        output += String(part);
        if (output.includes('Ctrl+C')) break;
      }
      const port = Number(/^Page +https:\/\/localhost:(\d+)\/$/m.exec(output)?.[1]);
      const outgoing = request({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      expect((await readAll(response)).toString()).to.contain('<h1>The key to this page is in');
      child.kill('SIGINT');
      const [code] = (await once(child, 'exit')) as [number];
      expect(code).to.equal(0);
    } finally {
      child.kill('SIGKILL');
      await rm(data, { recursive: true });
    }
  });

  it('refuses an invalid port, and a port without --serve', async () => {
    expect((await command(['demo', '--serve', '--port', '84x'])).errors).to.match(
      /--port expects a number.*'84x'/,
    );
    expect((await command(['demo', '--port', '8443'])).errors).to.contain('--port is for --serve');
  });

  it('refuses arguments it does not know', async () => {
    const run = await command(['demo', 'everything']);
    expect(run.code).to.equal(1);
    expect(run.errors).to.contain("unknown argument 'everything'");
  });
});
