import { CreateAliasCommand } from '@aws-sdk/client-kms';
import { createHash } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { SocketSigner } from '../../lib/signers/socket/socket-signer.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';
import { createKey, runningKms } from '../local-kms/running-kms.ts';
import { verifiesUnder } from '../signers/verify-signature.ts';

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));
const message = Buffer.from('what a handshake hashes');
const asked = {
  scheme: 'ecdsa_secp384r1_sha384',
  input: createHash('sha384').update(message).digest(),
  inputKind: 'digest',
} as const;

describe('s2n-pkey signer', () => {
  const running = runningKms();
  const started: ChildProcess[] = [];
  let folder: string;
  let path: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 's2n-socket-'));
    path = join(folder, 'site.sock');
    const { keyId } = await createKey(running().client, 'ECC_NIST_P384');
    await running().client.send(new CreateAliasCommand({ AliasName: 'alias/site', TargetKeyId: keyId }));
  });
  after(async () => {
    for (const child of started) child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  function start(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, ['--import', 'tsx', main, 'signer', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...environmentOf(running().kms) },
    });
    started.push(child);
    return child;
  }

  async function listening(child: ChildProcess): Promise<string[]> {
    const lines: string[] = [];
    if (child.stdout === null) throw new Error('no output');
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line.startsWith('listening on ')) break;
    }
    return lines;
  }

  it('signs with a key in KMS for processes without credentials, through kill -9 and SIGTERM', async () => {
    const first = start('--socket', path, '--key', 'alias/site');
    const lines = await listening(first);
    expect(lines[0]).to.match(/^key arn:aws:kms:\S+ \(ECC_NIST_P384\)$/);
    expect(lines[1]).to.equal(`listening on ${path}`);
    const signer = await SocketSigner.open({ path, timeout: 60_000 });
    const signs = async (): Promise<void> => {
      const signature = await signer.sign(asked);
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
    };
    await signs();

    first.kill('SIGKILL');
    await once(first, 'exit');
    expect(existsSync(path)).to.equal(true); // Left behind: it had no time.
    const meanwhile = signs();
    const second = start('--socket', path, '--key', 'alias/site');
    await listening(second);
    await meanwhile;

    second.kill('SIGTERM');
    const [code] = (await once(second, 'exit')) as [number | null];
    expect(code).to.equal(0);
    expect(existsSync(path)).to.equal(false);
    signer.close();
  }).timeout(120_000);

  it('prints a line for each signature, with the id of the request to KMS', async () => {
    const child = start('--socket', path, '--key', 'alias/site', '--schemes', asked.scheme);
    const { stdout } = child;
    if (stdout === null) throw new Error('no output');
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await lines.next()).value);
    await next();
    expect(await next()).to.equal(`listening on ${path}`);
    const signer = await SocketSigner.open({ path, timeout: 60_000 });
    expect(signer.schemes).to.deep.equal([asked.scheme]);
    await signer.sign(asked);
    const line = JSON.parse(await next()) as Record<string, unknown>;
    expect(line).to.include({ connection: 1, scheme: asked.scheme, outcome: 'ok', queuedMs: 0 });
    expect(line['requestId']).to.match(/^[0-9a-f-]{36}$/);
    expect(line['durationMs']).to.be.a('number').that.is.greaterThan(0);
    expect(Date.parse(String(line['time']))).to.be.closeTo(Date.now(), 60_000);
    signer.close();
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).to.equal(0);
  }).timeout(120_000);

  it('keeps signing when its output is not read, and ends in order', async () => {
    const limits = ['--per-second', '1000000', '--in-flight', '100000'];
    const child = start('--socket', path, '--key', 'alias/site', ...limits);
    await listening(child);
    const signer = await SocketSigner.open({ path, timeout: 60_000 });
    const wrong = { ...asked, input: new Uint8Array(48) };
    // More than a pipe holds: 64 KiB.
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 100 }, () => signer.sign(wrong)));
    signer.close();
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).to.equal(0);
  }).timeout(120_000);

  for (const [args, code, words] of [
    [[], 2, '--socket is missing'],
    [['--socket', '/tmp/x.sock'], 2, '--key is missing'],
    [['--socket', '/tmp/x.sock', '--key', 'alias/site', '--mode', 'rw'], 2, '--mode expects permissions'],
    [
      ['--socket', '/tmp/x.sock', '--key', 'alias/site', '--mode', '666'],
      1,
      'mode: expected permissions without',
    ],
    [['--socket', '/tmp/x.sock', '--key', 'alias/none'], 1, 'Check the key id'],
    [
      ['--socket', '/tmp/x.sock', '--key', 'alias/site', '--per-second', 'many'],
      2,
      '--per-second expects a whole number',
    ],
    [
      ['--socket', '/tmp/x.sock', '--key', 'alias/site', '--schemes', 'rsa_pkcs1_sha256'],
      1,
      'schemes[0]: expected one of the schemes that the signer has',
    ],
  ] as const) {
    it(`says what is wrong: ${words}`, async () => {
      const child = start(...args);
      if (child.stderr === null) throw new Error('no output');
      const [errors, exit] = await Promise.all([text(child.stderr), once(child, 'exit')]);
      expect(errors)
        .to.match(/^s2n-pkey signer: /m)
        .and.to.include(words);
      expect(exit[0]).to.equal(code);
    }).timeout(60_000);
  }
});
