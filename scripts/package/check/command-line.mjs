// The command `s2n-pkey` and the lines at the top of the README, from an installed package.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { inCheckout } from '../../checkout.mjs';
import { Refusal, lastLines, run } from '../../command.mjs';
import { freePort } from '../../free-port.mjs';

/** Throws a Refusal when something of it does not work. */
export async function checkCommandLine({ folder, env, npm }) {
  const npx = (args) => run(process.execPath, [npm, 'exec', '--', 's2n-pkey', ...args], { cwd: folder, env });
  const help = await npx(['--help']);
  if (!help.ok || !/^ +build +\S/m.test(help.output))
    throw new Refusal(`npx s2n-pkey --help:\n${help.output}`);
  const build = await npx(['build', '--if-needed']);
  if (!build.ok || !build.output.includes('nothing to build'))
    throw new Refusal(`npx s2n-pkey build --if-needed:\n${build.output}`);
  const data = join(folder, 'kms');
  const demo = await npx(['demo', '--local', '--data', data]);
  if (!demo.ok || !/^Answer +"You said/m.test(demo.output))
    throw new Refusal(`npx s2n-pkey demo:\n${lastLines(demo.output)}`);
  await checkReadme({ folder, env, data });
}

/** Runs the README's program against the local KMS that the demonstration has left its key in. */
async function checkReadme({ folder, env, data }) {
  const command = join(folder, 'node_modules', '.bin', 's2n-pkey');
  const readme = readFileSync(join(folder, 'node_modules', 's2n-pkey', 'README.md'), 'utf8');
  writeFileSync(join(folder, 'server.mjs'), /```js\n([\s\S]*?)```/.exec(readme)[1]);
  const port = await freePort();
  const args = ['local-kms', '--data', data, '--', process.execPath, 'server.mjs'];
  const NODE_OPTIONS = `--import ${inCheckout('test', 'fixtures', 'mapped-ports.mjs')}`;
  const server = spawn(command, args, {
    cwd: folder,
    env: { ...env, NODE_OPTIONS, S2N_PKEY_TEST_PORT_MAP: `8443:${port}` },
  });
  try {
    await firstMatch(server, /^(https:\/\/localhost:8443)$/);
    const request = get({ host: 'localhost', port, rejectUnauthorized: false, agent: false });
    const [response] = await once(request, 'response');
    const answer = await text(response);
    if (answer !== 'The key to this is in KMS.\n')
      throw new Refusal(`the README's server answered ${answer}`);
  } finally {
    if (server.exitCode === null) {
      server.kill();
      await once(server, 'close');
    }
  }
}

/** What a pattern finds in the first line of a program's output that it fits; a Refusal when the program ends before. */
async function firstMatch(child, pattern) {
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => (errors += chunk));
  for await (const line of createInterface({ input: child.stdout })) {
    const match = pattern.exec(line);
    if (match) {
      child.stdout.resume();
      return match[1];
    }
  }
  throw new Refusal(`${child.spawnargs.join(' ')} ended too early:\n${lastLines(errors)}`);
}
