import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';

const sdk = '@aws-sdk/client-kms';

type CheckPlatform = (manifest: object, force: boolean, on: { os: string; cpu: string }) => void;

const npmCommand = process.env['PATH']
  ?.split(delimiter)
  .map((path) => join(path, 'npm'))
  .find((path) => existsSync(path));
const { checkPlatform } = createRequire(realpathSync(npmCommand ?? ''))('npm-install-checks') as {
  checkPlatform: CheckPlatform;
};

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly engines?: { readonly node?: string };
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

function manifestAt(url: URL): Manifest & Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(url, 'utf8')) as Manifest & Readonly<Record<string, unknown>>;
}

const own = manifestAt(new URL('../../package.json', import.meta.url));

async function npm(
  folder: string,
  environment: NodeJS.ProcessEnv,
  ...args: string[]
): Promise<{ code: number | null; output: string }> {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--fetch-retries=0'];
  const child = spawn('npm', [...args, ...quiet, `--cache=${join(folder, 'cache')}`], {
    cwd: folder,
    env: { ...process.env, npm_config_userconfig: join(folder, 'npmrc'), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { code: child.exitCode, output: stdout + stderr };
}

/** A registry with one package, all of whose releases are the tarball at `file`; `engines` by release, the last is `latest`. */
async function startRegistry(
  tarballs: ReadonlyMap<string, Buffer>,
  engines: Readonly<Record<string, string>>,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const tarball = tarballs.get(/-(\d[\d.]*)\.tgz$/.exec(path)?.[1] ?? '');
    if (tarball) {
      response.end(tarball);
      return;
    }
    if (path !== `/${sdk}`) {
      response.writeHead(404).end('{}');
      return;
    }
    const { port } = server.address() as AddressInfo;
    const versions = [...tarballs].map(([version, content]): [string, unknown] => [
      version,
      {
        name: sdk,
        version,
        engines: { node: engines[version] },
        dist: {
          tarball: `http://127.0.0.1:${port}/sdk-${version}.tgz`,
          integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
        },
      },
    ]);
    const latest = [...tarballs.keys()].at(-1);
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ name: sdk, 'dist-tags': { latest }, versions: Object.fromEntries(versions) }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

describe('npm install', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-install-'));
    writeFileSync(join(folder, 'npmrc'), '');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** A package with what package.json says of this one, packed; only with the dependencies that are named. */
  async function packed(manifest: object): Promise<string> {
    const source = mkdtempSync(join(folder, 'source-'));
    writeFileSync(join(source, 'package.json'), JSON.stringify(manifest));
    const { code, output } = await npm(folder, {}, 'pack', source, '--pack-destination', folder, '--silent');
    expect(code, output).to.equal(0);
    return join(folder, output.trim().split('\n').at(-1) ?? '');
  }

  function consumer(): string {
    const into = join(folder, 'consumer');
    mkdirSync(into);
    writeFileSync(join(into, 'package.json'), '{ "name": "consumer", "private": true }');
    return into;
  }

  it('takes an AWS SDK that accepts this Node, when the newest one does not', async () => {
    const range = own.dependencies[sdk] ?? '';
    const accepted = range.replace('^', '');
    const [major = '', minor = ''] = accepted.split('.');
    const newest = `${major}.${Number(minor) + 100}.0`;
    const engines = { [accepted]: '>=20.0.0', [newest]: '>=999.0.0' };
    const tarballs = new Map<string, Buffer>();
    for (const [version, node] of Object.entries(engines)) {
      tarballs.set(version, readFileSync(await packed({ name: sdk, version, engines: { node } })));
    }
    const { url, server } = await startRegistry(tarballs, engines);
    try {
      const tarball = await packed({
        ...{ name: own['name'], version: own['version'], engines: own.engines },
        dependencies: { [sdk]: range },
      });
      const into = consumer();
      const { code, output } = await npm(
        into,
        {},
        'install',
        '--engine-strict',
        `--registry=${url}`,
        tarball,
      );
      expect(code, output).to.equal(0);
      const installed = JSON.parse(
        readFileSync(join(into, 'node_modules', sdk, 'package.json'), 'utf8'),
      ) as Record<string, unknown>;
      expect(installed['version']).to.equal(accepted);
    } finally {
      server.close();
    }
  }).timeout(120_000);

  for (const [platform, arch] of [
    ['darwin', 'arm64'],
    ['win32', 'x64'],
    ['linux', 'riscv64'],
  ] as const) {
    it(`succeeds on ${platform}-${arch}, by npm's own check`, () => {
      expect(() => checkPlatform(own, false, { os: platform, cpu: arch })).to.not.throw();
    });
  }

  it('succeeds in a process that says it is on a Mac', async () => {
    const { name, version, os, cpu, libc } = own;
    const tarball = await packed({ name, version, os, cpu, libc });
    const statement = "Object.defineProperty(process, 'platform', { value: 'darwin' })";
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(statement)}`;
    const { code, output } = await npm(consumer(), { NODE_OPTIONS }, 'install', '--offline', tarball);
    expect(code, output).to.equal(0);
  }).timeout(60_000);

  it('runs no script', () => {
    const { scripts } = own;
    expect(scripts).to.not.have.any.keys('preinstall', 'install', 'postinstall', 'prepare');
  });
});
