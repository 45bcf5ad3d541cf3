import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { actionlintCommand, testNeeds } from '../fixtures/needs.ts';

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
}
interface Workflow {
  readonly permissions: object;
  readonly jobs: {
    readonly release: { readonly permissions: object; readonly container: string; readonly steps: Step[] };
  };
}
type ReadSpecification = (argument: string, folder: string) => { type: string };

const checkout = fileURLToPath(new URL('../../', import.meta.url));
const file = join(checkout, '.github', 'workflows', 'release.yml');
const workflow = parse(readFileSync(file, 'utf8')) as Workflow;
const { release } = workflow.jobs;
const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

const npmCommand = process.env['PATH']
  ?.split(delimiter)
  .map((path) => join(path, 'npm'))
  .find((path) => existsSync(path));
/** How npm reads an argument such as that of `npm publish`. */
const readSpecification = createRequire(realpathSync(npmCommand ?? ''))(
  'npm-package-arg',
) as ReadSpecification;

function commandsOf(name: string): string {
  const step = release.steps.find((one) => one.name === name);
  if (step?.run === undefined) throw new Error(`release.yml has no step '${name}' that runs something`);
  return step.run;
}

describe('The release workflow', () => {
  it('is valid, as actionlint and shellcheck judge it', function () {
    testNeeds(this, 'actionlint');
    const { status, stdout } = spawnSync(actionlintCommand, ['-no-color', file], {
      cwd: checkout,
      encoding: 'utf8',
    });
    expect(stdout).to.equal('');
    expect(status).to.equal(0);
  }).timeout(60_000);

  it('runs scripts that package.json has', () => {
    const commands = release.steps.flatMap(({ run }) =>
      [...(run ?? '').matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name),
    );
    expect(commands).to.include('prebuild');
    expect(Object.keys(scripts)).to.include.members(commands);
  });

  it('may do no more than publish, and runs no code that it does not pin', () => {
    expect(workflow.permissions).to.deep.equal({});
    expect(release.permissions).to.deep.equal({ contents: 'read', 'id-token': 'write' });
    const actions = release.steps.flatMap(({ uses }) => uses ?? []);
    expect(actions).to.satisfy((all: string[]) => all.every((action) => /@[0-9a-f]{40}$/.test(action)));
    // Packages that are installed run no scripts in it.
    const installing = release.steps.flatMap(({ run }) => /npm (?:ci|install|i)\b.*/.exec(run ?? '') ?? []);
    expect(installing).to.deep.equal(['npm ci --ignore-scripts']);
  });

  describe('publishes', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 's2n-pkey-publish-'));
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });

    const kinds = ['linux-arm64-glibc', 'linux-arm64-musl', 'linux-x64-glibc', 'linux-x64-musl'];

    /** Runs the step as GitHub's runner does, with an `npm` that notes how it is called; what it was asked to publish. */
    function publish(version: string, published: readonly string[] = []): string[][] {
      mkdirSync(join(folder, 'release'));
      mkdirSync(join(folder, 'package'));
      for (const name of [...kinds.map((kind) => `@s2n-pkey/${kind}`), 's2n-pkey']) {
        writeFileSync(join(folder, 'package', 'package.json'), JSON.stringify({ name, version }));
        const tarball = `release/${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
        expect(spawnSync('tar', ['czf', tarball, 'package'], { cwd: folder }).status).to.equal(0);
      }
      const npm = `#!/bin/bash
if [[ $1 == view ]]; then
  [[ " $PUBLISHED " == *" $2 "* ]] && echo '${version}'
else
  printf '%s\\n' "$*" >>calls
fi
`;
      mkdirSync(join(folder, 'bin'));
      writeFileSync(join(folder, 'bin', 'npm'), npm);
      chmodSync(join(folder, 'bin', 'npm'), 0o755);
      const path = [join(folder, 'bin'), process.env['PATH']].join(delimiter);
      const { status, stderr } = spawnSync(
        'bash',
        ['--noprofile', '--norc', '-eo', 'pipefail', '-c', commandsOf('Publish, the addons first')],
        {
          cwd: folder,
          encoding: 'utf8',
          env: {
            PATH: path,
            GITHUB_REF_NAME: `v${version}`,
            PUBLISHED: published.map((name) => `${name}@${version}`).join(' '),
          },
        },
      );
      expect(status, stderr).to.equal(0);
      const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
      return calls.map((call) => call.split(' '));
    }

    const file = (call: readonly string[]): string => call[1] ?? '';

    it('the files that were built, the addons first, with provenance', () => {
      const calls = publish('1.2.3');
      expect(calls.map(file)).to.deep.equal([
        ...kinds.map((kind) => `./release/s2n-pkey-${kind}-1.2.3.tgz`),
        './release/s2n-pkey-1.2.3.tgz',
      ]);
      for (const call of calls) {
        // npm takes `release/file.tgz` for a repository on GitHub.
        expect(readSpecification(file(call), folder).type, file(call)).to.equal('file');
        expect(call[0]).to.equal('publish');
        expect(call.slice(2)).to.deep.equal(['--provenance', '--access', 'public', '--tag', 'latest']);
      }
    });

    it('a pre-release under another tag than latest', () => {
      const calls = publish('1.2.3-rc.1');
      expect(calls).to.have.lengthOf(5);
      for (const call of calls) expect(call.slice(-2)).to.deep.equal(['--tag', 'next']);
    });

    it('only what an earlier attempt did not', () => {
      const calls = publish('1.2.3', ['@s2n-pkey/linux-arm64-glibc', '@s2n-pkey/linux-arm64-musl']);
      expect(calls.map(file)).to.deep.equal([
        './release/s2n-pkey-linux-x64-glibc-1.2.3.tgz',
        './release/s2n-pkey-linux-x64-musl-1.2.3.tgz',
        './release/s2n-pkey-1.2.3.tgz',
      ]);
    });
  });
});
