// `npm run prebuild -- --check`: what a release's addons do, each on its kind of machine, as far as this machine can be one: the
// core's tests, and TLS served in each Node of that kind, installed from a registry.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { inCheckout } from '../checkout.mjs';
import { bareEnvironment, installFrom, managers } from '../package/check/install.mjs';
import { makeIdentity } from '../package/check/identity.mjs';
import { startRegistry } from '../package/check/registry.mjs';
import { runCoreTests } from './core-tests.mjs';
import { nodesFor } from './foreign-nodes.mjs';
import { isNative } from './targets.mjs';

/**
 * @param {{ target: import('./targets.mjs').Target, out: string }[]} builds
 * @param {string[]} tarballs of the release
 * @param {{ version: string, coreTests: boolean }} options
 * @param {(rows: import('./table.mjs').Row[]) => Promise<void>} seen takes the rows of each target, one for each Node, when it has
 *   passed: what one fails does not cost the others' outcome
 */
export async function checkTargets(builds, tarballs, { version, coreTests: withCoreTests }, seen) {
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-prebuild-'));
  const registry = await startRegistry(join(folder, 'registry'));
  try {
    for (const tarball of tarballs) await registry.publish(tarball);
    const identity = await makeIdentity(folder);
    for (const { target, out } of builds) {
      const rows = [];
      const coreTests = withCoreTests ? await runCoreTests(target, out) : undefined;
      if (coreTests) say(`${target.kind}: core_test, ${coreTests}, 0 failed.`);
      const installed = await installFor(target, registry.url, version, folder);
      for (const { version: node, command } of nodesFor(target)) {
        const outcome = await serve(installed, await command(), identity, target, node);
        rows.push({ kind: target.kind, node, ...outcome, coreTests, where: whereItRan(target) });
      }
      await seen(rows);
    }
  } finally {
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** npm installs for another kind of machine when asked to. */
async function installFor({ kind, cpu, libc }, registry, version, parent) {
  const specs = [`s2n-pkey@${version}`, '--os=linux', `--cpu=${cpu}`, `--libc=${libc}`];
  const env = bareEnvironment(parent);
  const { folder } = await installFrom(registry, managers[0], specs, { parent, env, suffix: `-${kind}` });
  copyFileSync(
    inCheckout('scripts', 'package', 'check', 'consumer', 'handshake.cjs'),
    join(folder, 'handshake.cjs'),
  );
  return { folder, env };
}

async function serve({ folder, env }, [program, ...before], identity, { kind }, node) {
  const { ok, output } = await run(program, [...before, 'handshake.cjs', ...identity], { cwd: folder, env });
  if (!ok) throw new Refusal(`for ${kind}, under Node ${node}, it does not serve:\n${lastLines(output)}`);
  say(`${kind}: ${output.trim()}`);
  return { loads: 'yes', serves: /TLSv1\.\d/.exec(output)?.[0] ?? 'no' };
}

function whereItRan(target) {
  if (!isNative(target))
    return target.libc === 'musl' ? 'qemu-user, musl of Debian 13' : 'qemu-user, glibc of Debian 12';
  return target.libc === 'musl' ? 'x64, musl of Debian 13' : 'x64, glibc of Debian 12';
}
