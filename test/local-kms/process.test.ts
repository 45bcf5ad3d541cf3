import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { startLocalKms } from '../../lib/local-kms/start.ts';
import { refusal, send } from './running-kms.ts';
import { when } from '../fixtures/when.ts';

const cli = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

/** `s2n-pkey …` as a user runs it, with nothing of AWS in its environment. */
function s2nPkey(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  return spawn(process.execPath, ['--import', 'tsx', cli, ...args], {
    env: { ...Object.fromEntries(clean), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

async function output(child: ChildProcess): Promise<{ code: unknown; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as unknown[];
  return { code, stdout, stderr };
}

/** The first lines the process prints. */
async function firstLines(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  if (child.stdout === null) throw new Error('the process was spawned without pipes');
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === count) break;
  }
  return lines;
}

describe('s2n-pkey local-kms', () => {
  let directory = '';
  before(async () => (directory = await mkdtemp(path.join(tmpdir(), 'local-kms-test-'))));
  after(() => rm(directory, { recursive: true }));

  it('says first that it is for development, then where it listens, and serves', async () => {
    const data = path.join(directory, 'serves');
    const child = s2nPkey(['local-kms', '--port', '0', '--data', data, '--region', 'eu-north-1']);
    try {
      const [first = '', second = '', third = '', fourth = ''] = await firstLines(child, 4);
      expect(first).to.contain('for development').and.contain('never for production').and.contain(data);
      expect(second).to.match(/^listening on http:\/\/127\.0\.0\.1:\d+$/);
      expect(third).to.equal('region eu-north-1, account 000000000000, access key id LOCALKMSDEVELOPMENT');
      expect(fourth).to.match(/^control token \S{32}$/);
      const endpoint = second.slice('listening on '.length);
      const credentials = {
        accessKeyId: 'LOCALKMSDEVELOPMENT',
        secretAccessKey: 'local-kms-development-only',
      };
      const client = new KMSClient({ endpoint, region: 'eu-north-1', credentials });
      expect((await client.send(new ListKeysCommand({}))).Keys).to.deep.equal([]);
      client.destroy();
      const headers = { authorization: `Bearer ${fourth.slice('control token '.length)}` };
      const counters = await send(endpoint, { path: '/_control', headers, body: '{"action":"counters"}' });
      expect(JSON.parse(counters.body)).to.have.nested.property('ListKeys.requests', 1);
    } finally {
      child.kill('SIGTERM');
    }
    expect(await once(child, 'exit')).to.deep.equal([0, null]);
  });

  it('runs a command that uses it, and ends with it and its exit code', async () => {
    const data = path.join(directory, 'command');
    const program = `
      const { KMSClient, ListKeysCommand } = require('@aws-sdk/client-kms');
      new KMSClient().send(new ListKeysCommand()).then(({ Keys }) => {
        console.log(JSON.stringify({ keys: Keys, endpoint: process.env.AWS_ENDPOINT_URL_KMS, args: process.argv.slice(1) }));
        process.exitCode = 7;
      });`;
    const command = [process.execPath, '--eval', program, '--', '--port', '1'];
    const ended = await output(s2nPkey(['local-kms', '--data', data, '--', ...command]));
    expect(ended.code).to.equal(7);
    const told = JSON.parse(ended.stdout) as { keys: unknown[]; endpoint: string; args: string[] };
    expect(told).to.deep.include({ keys: [], args: ['--port', '1'] });
    expect(ended.stderr).to.contain(`local KMS at ${told.endpoint}, for development and tests only`);
    const gone = await send(told.endpoint, { path: '/', body: '' }).catch((error: unknown) => error);
    expect(gone).to.include({ code: 'ECONNREFUSED' });
  });

  it('forwards SIGTERM to its command', async () => {
    const program =
      "process.on('SIGTERM', () => process.exit(3)); setInterval(() => {}, 1000); console.log('ready')";
    const data = path.join(directory, 'command-signal');
    const child = s2nPkey(['local-kms', '--data', data, '--', process.execPath, '--eval', program]);
    expect(await firstLines(child, 1)).to.deep.equal(['ready']);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).to.deep.equal([3, null]);
  });

  it('reports a command that cannot be started', async () => {
    const data = path.join(directory, 'no-command');
    const none = await output(s2nPkey(['local-kms', '--data', data, '--']));
    expect(none.code).to.equal(2);
    expect(none.stderr).to.contain('--: expected a command to run');
    const unknown = await output(s2nPkey(['local-kms', '--data', data, '--', 'no-such-program']));
    expect(unknown.code).to.equal(127);
    expect(unknown.stderr).to.match(/the command 'no-such-program' cannot be started .*ENOENT/);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops at ${signal}, even with connections open`, async () => {
      const child = s2nPkey(['local-kms', '--port', '0', '--data', path.join(directory, signal)]);
      const [, line = ''] = await firstLines(child, 2);
      const client = new KMSClient({
        endpoint: line.slice('listening on '.length),
        region: 'us-east-1',
        credentials: { accessKeyId: 'LOCALKMSDEVELOPMENT', secretAccessKey: 'local-kms-development-only' },
      });
      await client.send(new ListKeysCommand({}));
      child.kill(signal);
      expect(await once(child, 'exit')).to.deep.equal([0, null]);
      client.destroy();
    });
  }

  it('takes its credentials from the command line, or else from the environment', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'FROMENV', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' };
    const data = path.join(directory, 'credentials');
    for (const [args, id] of [
      [[], 'FROMENV'],
      [['--access-key-id', 'FROMARGS', '--secret-access-key', 'other'], 'FROMARGS'],
    ] as const) {
      const child = s2nPkey(['local-kms', '--port', '0', '--data', data, ...args], env);
      const lines = await firstLines(child, 3);
      expect(lines[2]).to.contain(`access key id ${id}`);
      child.kill();
      await once(child, 'exit');
    }
  });

  it('with --parent-lifetime stops when its parent is gone', async () => {
    const child = s2nPkey([
      'local-kms',
      '--port',
      '0',
      '--data',
      path.join(directory, 'child'),
      '--parent-lifetime',
    ]);
    await firstLines(child, 2);
    child.stdin?.end(); // What the kernel does when the parent dies.
    expect(await once(child, 'exit')).to.deep.equal([0, null]);
  });

  it('listens on loopback addresses only', async () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.10', 'example.org']) {
      const { code, stderr } = await output(s2nPkey(['local-kms', '--host', host, '--data', directory]));
      expect(code).to.equal(2);
      expect(stderr).to.match(
        /^s2n-pkey local-kms: --host: expected a loopback address such as 127\.0\.0\.1.*\n$/,
      );
      expect(stderr).to.contain(host);
    }
    const child = s2nPkey([
      'local-kms',
      '--host',
      '::1',
      '--port',
      '0',
      '--data',
      path.join(directory, 'six'),
    ]);
    const [, line] = await firstLines(child, 2);
    expect(line).to.match(/^listening on http:\/\/\[::1\]:\d+$/);
    child.kill();
    await once(child, 'exit');
  });

  it('says in one sentence that a port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const data = path.join(directory, 'taken');
    const { code, stdout, stderr } = await output(
      s2nPkey(['local-kms', '--port', String(port), '--data', data]),
    );
    expect([code, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.equal(
      `s2n-pkey local-kms: port ${port} of 127.0.0.1 is in use; choose another with --port, or 0 for a free one\n`,
    );
    const refused = await refusal(startLocalKms({ port }));
    expect(refused.name).to.equal('LocalKmsError');
    expect(refused.message)
      .to.contain('ended at start (exit code 1)')
      .and.contain(`port ${port} of 127.0.0.1 is in use`);
    taken.close();
  });

  it('says in one sentence that a directory cannot be made', async () => {
    const { code, stderr } = await output(s2nPkey(['local-kms', '--port', '0', '--data', '/dev/null/keys']));
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^s2n-pkey local-kms: the data directory \/dev\/null\/keys cannot be made \(.*\)\n$/,
    );
  });

  for (const [args, said] of [
    [['--port', 'http'], "--port: expected a number from 0 to 65535; given 'http'"],
    [['--port', '65536'], '--port: expected a number from 0 to 65535'],
    [['--region', 'Europe'], '--region: expected the name of a Region'],
    [['--account', '42'], '--account: expected twelve digits'],
    [
      ['--access-key-id', 'x'],
      '--secret-access-key: expected --access-key-id and --secret-access-key together',
    ],
    [['--colour'], "Unknown option '--colour'"],
  ] as const) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stderr } = await output(s2nPkey(['local-kms', ...args]));
      expect(code).to.equal(2);
      expect(stderr).to.contain(said);
      expect(stderr.trim().split('\n')).to.have.length(1);
    });
  }

  it('prints its options with --help', async () => {
    const { code, stdout } = await output(s2nPkey(['local-kms', '--help']));
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^Usage: s2n-pkey local-kms \[options\]/)
      .and.contain('Never use it in production');
    const commands = await output(s2nPkey(['--help']));
    expect(commands.code).to.equal(0);
    expect(commands.stdout).to.contain('local-kms');
    const unknown = await output(s2nPkey(['brew-coffee']));
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.contain("there is no command 'brew-coffee'");
  });
});

describe('startLocalKms', () => {
  it('leaves no process behind when this one dies', async () => {
    const start = new URL('../../lib/local-kms/start.ts', import.meta.url).href;
    const program = `import(${JSON.stringify(start)})
      .then(({ startLocalKms }) => startLocalKms())
      .then((kms) => { console.log(kms.pid); process.kill(process.pid, 'SIGKILL'); });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line = ''] = await firstLines(child, 1);
    const pid = Number(line);
    expect(pid).to.be.above(0);
    /** Whether the process runs; one that has ended and waits for a parent to notice does not. */
    const isThere = (): boolean => {
      try {
        return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      } catch {
        return false;
      }
    };
    await when('the end of the process', isThere, (there) => !there);
  });

  it('does not keep this process from ending', async () => {
    const start = new URL('../../lib/local-kms/start.ts', import.meta.url).href;
    const program = `import(${JSON.stringify(start)})
      .then(({ startLocalKms }) => startLocalKms())
      .then(async (kms) => { await kms.counters(); console.log('started'); });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { code, stdout } = await output(child);
    expect([code, stdout]).to.deep.equal([0, 'started\n']);
  });
});
