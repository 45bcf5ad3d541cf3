// The addon that was built once loads in every release of Node that is supported: a handshake under each, without a rebuild.
// Releases come from the npm registry, into a cache of the user's. One that cannot be had is said and passed over; it is a
// failure if none can.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inCheckout } from './checkout.mjs';
import { lastLines, Refusal, run, runAsScript, say } from './command.mjs';

/** Beside the Node that runs this script. */
const RELEASES = ['22', '24', '26'];

async function checkNodeVersions() {
  if (!existsSync(inCheckout('dist', 'lib', 'index.js'))) {
    throw new Refusal('the package is not built yet: run `npm run build`.');
  }
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-'));
  try {
    const files = await makeIdentity(folder);
    await handshakeUnder(process.execPath, files);
    const nodes = (await Promise.all(RELEASES.map(fetchNode))).filter((node) => node !== undefined);
    if (nodes.length === 0)
      throw new Refusal(`none of Node ${RELEASES.join(', ')} could be fetched from the npm registry.`);
    for (const node of nodes) await handshakeUnder(node, files);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A key and a certificate for `localhost`, and the paths of both. */
async function makeIdentity(folder) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'];
  const { ok, output, missing } = await run('openssl', [
    'req',
    '-x509',
    ...curve,
    ...name,
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  if (missing) throw new Refusal('openssl is missing: install it with `apt-get install openssl`.');
  if (!ok) throw new Refusal(`openssl could not make a certificate:\n${lastLines(output)}`);
  return [key, cert];
}

/** The executable of a release, in the cache; undefined when it cannot be had. */
async function fetchNode(release) {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 's2n-pkey', `node-${release}`);
  const executable = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(executable) && (await run(executable, ['--version'])).ok) return executable;
  mkdirSync(folder, { recursive: true });
  // The package `node` puts the executable in place with an install script of its own.
  const { ok, output, missing } = await run(
    'npm',
    ['install', '--prefix', folder, '--no-save', `node@${release}`],
    {
      cwd: folder,
    },
  );
  if (ok && existsSync(executable)) return executable;
  const reason = missing ? 'there is no npm' : npmErrors(output);
  say(`Node ${release} is passed over, since it could not be fetched: ${reason}`);
  return undefined;
}

/** The first of npm's errors, which are the ones that say why. */
function npmErrors(output) {
  const errors = [...output.matchAll(/^npm error (.+)$/gm)].map(([, text]) => text);
  return errors.slice(0, 3).join('; ') || lastLines(output, 2);
}

async function handshakeUnder(node, files) {
  const { ok, output } = await run(node, [inCheckout('scripts', 'smoke', 'handshake.cjs'), ...files]);
  if (!ok) {
    const { output: version } = await run(node, ['--version']);
    throw new Refusal(`the package does not work under Node ${version.trim()}:\n${lastLines(output)}`);
  }
  say(output.trim());
}

await runAsScript(import.meta.url, checkNodeVersions);
