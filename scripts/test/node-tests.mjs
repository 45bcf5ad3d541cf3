// `node scripts/test/node-tests.mjs`: gets the tests that Node has of its own TLS, HTTPS and HTTP/2, for test/node-suite. They are
// part of the source package `nodejs` of Debian 13, which apt fetches and checks; they stay in a cache of the user's and are no part of
// this project.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { debianMirror } from '../debian-mirror.mjs';
import { cache } from './nodes.mjs';

/** Debian's name for the release whose Node is of the line that test/node-suite goes by. */
const suite = 'trixie';

/** The folder that has `common`, `fixtures`, `parallel` and `sequential`. */
export const nodeTests = join(cache, 'node-20-tests', 'test');

async function fetchTests() {
  if (existsSync(nodeTests)) return say(`Node's own tests are in ${nodeTests}.`);
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-node-tests-'));
  try {
    const tarball = await download(folder);
    const unpacked = join(folder, 'unpacked');
    mkdirSync(unpacked);
    const names = ['tls', 'https', 'http2'].flatMap((name) =>
      ['parallel', 'sequential'].map((kind) => `*/test/${kind}/test-${name}-*`),
    );
    const wanted = ['*/test/common/*', '*/test/fixtures/*', ...names];
    const tar = ['-xJf', tarball, '-C', unpacked, '--strip-components=1', '--exclude=*/wpt/*', '--wildcards'];
    const { ok, output } = await run('tar', [...tar, ...wanted]);
    if (!ok) throw new Refusal(`the source of Node could not be unpacked:\n${lastLines(output, 5)}`);
    rmSync(join(nodeTests, '..'), { recursive: true, force: true });
    mkdirSync(join(nodeTests, '..'), { recursive: true });
    const copied = await run('cp', ['-r', join(unpacked, 'test'), `${nodeTests}.new`]);
    if (!copied.ok) throw new Refusal(`Node's tests could not be kept:\n${lastLines(copied.output, 5)}`);
    renameSync(`${nodeTests}.new`, nodeTests);
    say(`Node's own tests are in ${nodeTests}.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** By apt, with a configuration of its own: the machine's is left as it is. */
async function download(folder) {
  const sources = join(folder, 'debian.sources');
  const [lists, archives] = [join(folder, 'lists'), join(folder, 'archives')];
  for (const each of [lists, archives]) mkdirSync(join(each, 'partial'), { recursive: true });
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const source = ['Types: deb-src', `URIs: ${await debianMirror()}`, `Suites: ${suite}`, 'Components: main'];
  writeFileSync(sources, `${[...source, `Signed-By: ${keyring}`].join('\n')}\n`);
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': lists,
    'Dir::Cache': archives,
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const updated = await run('apt-get', [...options, 'update'], { cwd: folder });
  if (!updated.ok) throw new Refusal(`apt-get update failed:\n${lastLines(updated.output, 5)}`);
  const fetched = await run('apt-get', [...options, 'source', '--download-only', 'nodejs'], { cwd: folder });
  // Debian's own changes are another file, which is not needed and which a mirror may lack. What arrived, apt has checked.
  const tarball = readdirSync(folder).find((name) => /^nodejs_20\.[\w.+]+\.orig\.tar\.xz$/.test(name));
  if (!tarball) throw new Refusal(`the source of Node could not be had:\n${lastLines(fetched.output, 5)}`);
  return join(folder, tarball);
}

await runAsScript(import.meta.url, fetchTests);
