import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';
import { baoCommand, needs } from '../fixtures/needs.ts';
import { OpenBao } from '../signers/vault/open-bao.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** A program in a page, and what the page says that it prints. */
interface Example {
  readonly code: string;
  readonly output: string;
}

const pages = [
  ...readdirSync(join(root, 'docs', 'api')).map((name) => join('docs', 'api', name)),
  join('docs', 'writing-a-signer.md'),
  join('docs', 'fleet.md'),
  join('docs', 'load-balancer.md'),
];
/** Their examples need a server or a device, which their commands prepare. */
const prepared = [join('docs', 'api', 'vault.md'), join('docs', 'api', 'pkcs11.md')];

function examplesOf(page: string): Example[] {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = text.matchAll(/^```js\n((?:(?!^```)[\s\S])*)^```\n\n```text\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, code = '', output = '']) => ({ code, output }));
}

function commandsOf(page: string): string {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, commands = '']) => commands).join('');
}

describe('the examples of docs/api, and of the pages on writing a signer, a fleet and load balancers', () => {
  let kms: LocalKms;
  let folder: string;

  before(async () => {
    kms = await startLocalKms();
    // Inside the package, where its own name leads to dist/, which `npm test` has built.
    folder = await mkdtemp(join(root, 'build', 'docs-'));
  });
  after(async () => {
    await kms.close();
    await rm(folder, { recursive: true });
  });

  async function runExamples(page: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
    const examples = examplesOf(page);
    expect(examples).to.have.length.above(0);
    for (const { code, output } of examples) {
      const program = join(folder, 'example.cjs');
      await writeFile(program, code);
      const { stdout } = await run(process.execPath, ['--no-warnings', program], {
        cwd: folder,
        env: {
          PATH: process.env['PATH'],
          S2N_PKEY_ADDON: process.env['S2N_PKEY_ADDON'],
          ...environmentOf(kms),
          ...env,
        },
        timeout: 30_000,
      });
      expect(stdout).to.equal(output);
    }
  }

  for (const page of pages.filter((it) => !prepared.includes(it))) {
    it(`${page} prints what it says`, () => runExamples(page));
  }

  describe('with a server of OpenBao', () => {
    needs('openbao');
    let bao: OpenBao;
    before(async () => (bao = await OpenBao.start({ transit: false })));
    after(() => bao.stop());

    it('docs/api/vault.md prints what it says, after its commands', async () => {
      const env = { BAO_ADDR: bao.address, BAO_TOKEN: bao.token };
      const PATH = `${dirname(baoCommand)}:${process.env['PATH'] ?? ''}`;
      const page = join('docs', 'api', 'vault.md');
      await run('bash', ['-ec', commandsOf(page)], { cwd: folder, env: { ...env, PATH, HOME: folder } });
      await runExamples(page, env);
    });
  });

  describe('with a token of SoftHSM', () => {
    needs('softhsm2');

    it('docs/api/pkcs11.md prints what it says, after its commands', async () => {
      const configuration = join(folder, 'softhsm2.conf');
      await mkdir(join(folder, 'tokens'));
      await writeFile(configuration, `directories.tokendir = ${join(folder, 'tokens')}\n`);
      const env = { SOFTHSM2_CONF: configuration };
      const page = join('docs', 'api', 'pkcs11.md');
      await run('bash', ['-ec', commandsOf(page)], { cwd: folder, env: { ...process.env, ...env } });
      await runExamples(page, env);
    });
  });
});
