// The command `s2n-pkey` and the lines at the top of the README, from an installed package.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Refusal, lastLines, run } from '../../command.mjs';

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

/** The local KMS has kept the demonstration's key, and the README's server signs with it. */
async function checkReadme({ folder, env, data }) {
  const command = join(folder, 'node_modules', '.bin', 's2n-pkey');
  const kms = spawn(command, ['local-kms', '--port', '0', '--data', data], { cwd: folder, env });
  let server;
  try {
    const endpoint = await firstMatch(kms, /^listening on (\S+)$/);
    const readme = readFileSync(join(folder, 'node_modules', 's2n-pkey', 'README.md'), 'utf8');
    const [, lines] = /```js\n([\s\S]*?)```/.exec(readme);
    const anyPort = lines.replace(
      '8443, () =>',
      "0, '127.0.0.1', () => console.log(server.address().port) ||",
    );
    writeFileSync(join(folder, 'server.cjs'), anyPort);
    // What the README exports, the port being another.
    const aws = Object.fromEntries(
      [...readme.matchAll(/^export (.*)$/gm)].flatMap(([, list]) =>
        list.split(' ').map((one) => one.split('=')),
      ),
    );
    server = spawn(process.execPath, ['server.cjs'], {
      cwd: folder,
      env: { ...env, ...aws, AWS_ENDPOINT_URL_KMS: endpoint },
    });
    const port = await firstMatch(server, /^(\d+)$/);
    const request = get({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false });
    const [response] = await once(request, 'response');
    const answer = await text(response);
    if (answer !== 'The key to this is in KMS.\n')
      throw new Refusal(`the README's server answered ${answer}`);
  } finally {
    const children = [server, kms].filter((child) => child !== undefined && child.exitCode === null);
    await Promise.all(
      children.map(async (child) => {
        child.kill();
        await once(child, 'close');
      }),
    );
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
