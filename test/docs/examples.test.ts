import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';

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
];

function examplesOf(page: string): Example[] {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = text.matchAll(/^```js\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, code = '', output = '']) => ({ code, output }));
}

describe('the pages of docs/api, and the one on writing a signer', () => {
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

  for (const page of pages) {
    it(`${page} has an example that prints what the page says`, async () => {
      const examples = examplesOf(page);
      expect(examples).to.have.length.above(0);
      for (const { code, output } of examples) {
        const program = join(folder, 'example.cjs');
        await writeFile(program, code);
        const { stdout } = await run(process.execPath, ['--no-warnings', program], {
          env: {
            PATH: process.env['PATH'],
            ...environmentOf(kms),
          },
          timeout: 30_000,
        });
        expect(stdout).to.equal(output);
      }
    });
  }

  it('are all in the index, and no link leads nowhere', () => {
    const index = readFileSync(join(root, 'docs', 'README.md'), 'utf8');
    for (const page of pages) expect(index).to.contain(`](${page.slice('docs/'.length)})`);
    const documents = ['README.md', 'migration.md', 'threats.md', 'differences.md'].map((name) =>
      join('docs', name),
    );
    for (const document of [...documents, ...pages]) {
      for (const [, target = ''] of readFileSync(join(root, document), 'utf8').matchAll(
        /\]\(([^)#:]+)(?:#[^)]*)?\)/g,
      )) {
        expect(
          () => readFileSync(join(root, dirname(document), target)),
          `${document} → ${target}`,
        ).not.to.throw();
      }
    }
  });
});
