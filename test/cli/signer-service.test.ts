import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { inheritedDescriptor } from '../../lib/cli/signer/systemd.ts';
import { Readiness } from '../../lib/cli/signer/readiness.ts';
import { serviceMetrics } from '../../lib/cli/signer/service-metrics.ts';
import { prometheusName } from '../../lib/observe/metrics.ts';
import { SocketSigner } from '../../lib/signers/socket/socket-signer.ts';
import { freePort } from '../fixtures/free-port.ts';
import { needs } from '../fixtures/needs.ts';
import { quotedIn, tableOf } from '../docs/page-tables.ts';
import { rejectionOf } from '../signers/rejection.ts';
import { asked } from '../signers/socket/sockets.ts';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));
const receiver = fileURLToPath(new URL('../fixtures/notify-socket.py', import.meta.url));
const canary = 'Kanarienvogel7';
const uid = process.getuid?.() ?? -1;

/** PEM of a P-256 key, encrypted with a passphrase; the same for the same name. */
const keys = new Map<string, string>();
function encryptedKey(passphrase: string, name = 'site'): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const form = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase } as const;
  const key = keys.get(name) ?? privateKey.export(form).toString();
  keys.set(name, key);
  return key;
}

/** The lines that a process prints, as they come. */
class Lines {
  readonly all: string[] = [];
  readonly #lines: AsyncIterator<string, undefined>;

  constructor(child: ChildProcess) {
    if (child.stdout === null) throw new Error('no output');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const { value } = await this.#lines.next();
      if (value === undefined) throw new Error(`it ended without ${String(pattern)}: ${this.all.join('\n')}`);
      this.all.push(value);
      if (pattern.test(value)) return value;
    }
  }
}

describe('s2n-pkey signer, as a service', () => {
  let folder: string;
  const started: ChildProcess[] = [];
  const clients: SocketSigner[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 's2n-service-'));
    await writeFile(join(folder, 'key.pem'), encryptedKey(canary));
    await writeFile(join(folder, 'passphrase'), `${canary}\n`);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true });
  });

  const socket = (): string => join(folder, 'site.sock');

  async function config(service: object, more: object = {}): Promise<string> {
    const path = join(folder, 'signer.json');
    const signer = { localKey: { file: 'key.pem', passphraseFile: 'passphrase' } };
    await writeFile(path, JSON.stringify({ signer, service, ...more }));
    return path;
  }

  function run(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    before: readonly string[] = [],
  ): ChildProcessWithoutNullStreams {
    const [command = '', ...rest] = [...before, process.execPath, '--import', tsx, main, 'signer', ...args];
    const child = spawn(command, rest, {
      env: { PATH: process.env['PATH'], S2N_PKEY_ADDON: process.env['S2N_PKEY_ADDON'], ...env },
    });
    started.push(child);
    return child;
  }

  async function open(options: object = {}): Promise<SocketSigner> {
    const client = await SocketSigner.open({ path: socket(), timeout: 60_000, ...options });
    clients.push(client);
    return client;
  }

  async function ended(child: ChildProcessWithoutNullStreams): Promise<{ code: unknown; errors: string }> {
    const [errors, exit] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    return { code: exit[0], errors };
  }

  it('signs with any backend of a file, says who asked, is ready, and shows no secret', async () => {
    const port = await freePort();
    const child = run(['--config', await config({ socket: socket() }), '--metrics', `127.0.0.1:${port}`]);
    const errors = text(child.stderr);
    const lines = new Lines(child);
    await lines.until(/^listening on /);
    expect(lines.all[0]).to.equal('key of LocalKeySigner (prime256v1)');
    await (await open()).sign(asked);
    const line = JSON.parse(await lines.until(/^\{/)) as Record<string, unknown>;
    expect(line).to.include({
      ...{ event: 'signature', connection: 1, pid: process.pid, uid, gid: process.getgid?.() },
      ...{ scheme: asked.scheme, outcome: 'ok', queuedMs: 0 },
    });
    const documented = tableOf('signer-service.md', 'The log').map(([field = '']) => quotedIn(field)[0]);
    expect(documented, 'docs/signer-service.md').to.include.members(Object.keys(line));

    const at = `http://127.0.0.1:${port}`;
    expect((await fetch(`${at}/readyz`)).status).to.equal(200);
    expect((await fetch(`${at}/livez`)).status).to.equal(200);
    expect((await fetch(`${at}/`)).status).to.equal(404);
    const metrics = await (await fetch(`${at}/metrics`)).text();
    expect(metrics).to.include(
      `s2n_pkey_signer_signatures_total{outcome="ok",scheme="${asked.scheme}",uid="${uid}"} 1\n`,
    );
    expect(metrics).to.include('s2n_pkey_signer_connections 1\n').and.include('s2n_pkey_signer_ready 1\n');
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).to.equal(0);
    for (const output of [lines.all.join('\n'), await errors, metrics]) expect(output).not.to.include(canary);
  }).timeout(120_000);

  it('reloads at SIGHUP without disconnecting clients, and keeps its settings when the new ones are wrong', async () => {
    const path = await config({ socket: socket() });
    const child = run(['--config', path]);
    const lines = new Lines(child);
    const errors = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
    await lines.until(/^listening on /);
    const client = await open();
    const sign = (): Promise<Uint8Array> => client.sign(asked);
    await sign();

    await config({ socket: socket(), schemes: ['ecdsa_secp384r1_sha384'] });
    child.kill('SIGHUP');
    expect(await lines.until(/"reload"/)).to.include('"outcome":"ok"');
    expect(await rejectionOf(sign())).to.include({ code: 'ERR_S2N_PKEY_OPERATION_INVALID' });

    await config({ socket: socket(), handshakesOnly: true });
    child.kill('SIGHUP');
    expect(await lines.until(/"reload"/)).to.include('"outcome":"ok"');
    expect(await rejectionOf(sign())).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_NOT_A_HANDSHAKE' });

    for (const [service, why] of [
      [{ socket: `${socket()}2` }, 'service.socket changes only with a restart'],
      [{ socket: socket(), maxInFlight: 0 }, 'service.maxInFlight: expected'],
    ] as const) {
      await config(service);
      child.kill('SIGHUP');
      expect(await lines.until(/"reload"/)).to.match(/"outcome":"ERR_S2N_PKEY_/);
      expect((await errors.next()).value)
        .to.include('the settings stay as they were')
        .and.include(why);
    }
    await writeFile(join(folder, 'key.pem'), encryptedKey(canary, 'other'));
    await config({ socket: socket() });
    child.kill('SIGHUP');
    expect(await lines.until(/"reload"/)).to.include('ERR_S2N_PKEY_INVALID_OPTION');
    expect((await errors.next()).value).to.include('a signer with the same key as before');

    await writeFile(join(folder, 'key.pem'), encryptedKey(canary));
    child.kill('SIGHUP');
    await lines.until(/"reload".*"ok"/);
    await sign();
    const last = JSON.parse(await lines.until(/"outcome":"ok"/)) as Record<string, unknown>;
    expect(last, 'the first connection is still the one').to.include({ event: 'signature', connection: 1 });
  }).timeout(120_000);

  it('killed under load and started again, loses no signature', async () => {
    const path = await config({ socket: socket() });
    const first = run(['--config', path]);
    await new Lines(first).until(/^listening on /);
    const client = await open();
    let made = 0;
    let enough = (): void => undefined;
    const underWay = new Promise<void>((resolve) => (enough = resolve));
    const load = Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 30; round++) {
        await client.sign(asked);
        if (++made === 100) enough();
      }
    });
    await underWay;
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = run(['--config', path]);
    await new Lines(second).until(/^listening on /);
    second.stdout.resume();
    await Promise.all(load);
    expect(made).to.equal(600);
  }).timeout(120_000);

  describe('with peers of other users', () => {
    needs('util-linux');
    before(function () {
      if (uid !== 0) this.skip();
    });

    it('lets in whom it is told to, by number or name, and logs whom it refuses', async () => {
      const service = { socket: socket(), mode: '666', allowOthers: true };
      const child = run(['--config', await config(service), '--allow-uid', 'nobody', '--allow-gid', '4242']);
      const lines = new Lines(child);
      await lines.until(/^listening on /);
      await chmod(folder, 0o711);
      expect(await rejectionOf(open({ allowOthers: true }))).to.include({
        code: 'ERR_S2N_PKEY_SOCKET_SIGNER_REFUSED',
      });
      const refused = JSON.parse(await lines.until(/^\{/)) as object;
      expect(refused).to.include({ event: 'refused', pid: process.pid, uid: 0 });
      for (const identity of [
        ['--reuid=nobody', '--regid=1234', '--clear-groups'],
        ['--reuid=1234', '--regid=1234', '--groups=4242'],
      ]) {
        const greets = `require('net').connect(process.argv[1]).once('data', (data) => { console.log(String(data)); process.exit(); })`;
        const peer = spawn('setpriv', [...identity, '--', process.execPath, '-e', greets, socket()]);
        expect(await text(peer.stdout), identity.join()).to.include('publicKey');
      }
    }).timeout(120_000);
  });

  describe('under systemd', () => {
    needs('systemd', 'python3');

    it('takes its socket, tells when it is ready, reloads and stops, and leaves the socket there', async () => {
      const address = join(folder, 'notify');
      const python = spawn('python3', [receiver, address], { stdio: ['ignore', 'pipe', 'inherit'] });
      started.push(python);
      const told = new Lines(python);
      await told.until(/bound/);
      const activate = ['systemd-socket-activate', '-l', socket(), '-E', `NOTIFY_SOCKET=${address}`];
      const variables = [
        '-E',
        'WATCHDOG_USEC=100000',
        '-E',
        `S2N_PKEY_ADDON=${process.env['S2N_PKEY_ADDON'] ?? ''}`,
      ];
      const child = run(['--config', await config({})], {}, [...activate, ...variables]);
      let errors = '';
      const listening = new Promise<void>((resolve) => {
        child.stderr.on('data', (part: Buffer) => {
          errors += part.toString();
          if (errors.includes('Listening on')) resolve();
        });
      });
      await listening;
      await chmod(socket(), 0o600);
      const lines = new Lines(child);
      const client = await open(); // The first connection starts it, and is served.
      await client.sign(asked);
      expect(await lines.until(/^listening on /)).to.equal(`listening on ${socket()}`);
      await told.until(/READY=1/);
      await told.until(/WATCHDOG=1/);
      child.kill('SIGHUP');
      await told.until(/RELOADING=1\\nMONOTONIC_USEC=\d+/);
      await told.until(/READY=1\\nSTATUS=reloaded/);
      child.kill('SIGTERM');
      await told.until(/STOPPING=1/);
      expect((await once(child, 'exit'))[0], errors).to.equal(0);
      await chmod(socket(), 0o600); // Its file is there.
    }).timeout(120_000);

    it('refuses a socket that was passed to another process, or several', () => {
      const passed = (env: NodeJS.ProcessEnv): unknown => inheritedDescriptor(env, 77);
      expect(passed({})).to.equal(undefined);
      const env = { LISTEN_FDS: '1', LISTEN_PID: '77', LISTEN_FDNAMES: 'x' };
      expect(passed(env)).to.equal(3);
      expect(env).to.deep.equal({});
      expect(() => passed({ LISTEN_FDS: '1', LISTEN_PID: '76' })).to.throw(
        /^LISTEN_PID: expected 77.*not npx/,
      );
      expect(() => passed({ LISTEN_FDS: '2', LISTEN_PID: '77' })).to.throw(/^LISTEN_FDS: expected 1/);
    });
  });

  describe('refuses by name, before it listens,', () => {
    for (const [what, args, code, words] of [
      [
        'a user that there is not',
        ['--allow-uid', 'nobody-at-all'],
        2,
        '--allow-uid expects numbers, or names of /etc/passwd',
      ],
      ['a group of no number', ['--allow-gid', '-1'], 2, '--allow-gid'],
      ['an address without a port', ['--metrics', 'localhost'], 2, '--metrics expects an address and a port'],
      ['a Region without a key', ['--region', 'eu-west-1'], 2, '--region is for --key'],
      ['a file that there is not', ['--config', '/none.json'], 1, '/none.json could not be read'],
    ] as const) {
      it(what, async () => {
        const { code: exit, errors } = await ended(run(['--socket', socket(), ...args]));
        expect(errors)
          .to.match(/^s2n-pkey signer: /m)
          .and.to.include(words);
        expect(exit).to.equal(code);
      }).timeout(60_000);
    }
  });

  it('counts as ready for a minute after each signature', () => {
    let now = 1_000;
    const readiness = new Readiness(() => now);
    expect(readiness.isReady).to.equal(false);
    readiness.signed();
    now += 59_999;
    expect(readiness.isReady).to.equal(true);
    now += 1;
    expect(readiness.isReady).to.equal(false);
    readiness.signed();
    expect(readiness.isReady).to.equal(true);
  });

  it('has its metrics on docs/signer-service.md, each with its labels', () => {
    const rows = tableOf('signer-service.md', 'Metrics').map((cells) => cells.map((cell) => quotedIn(cell)));
    const metrics = Object.values(serviceMetrics).map((metric) => [
      [prometheusName(metric)],
      [...metric.labels],
    ]);
    expect(rows.map(([name, labels]) => [name, labels])).to.have.deep.members(metrics);
  });
});
