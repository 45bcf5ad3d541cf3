// A registry of this machine's own, on loopback: verdaccio, which has the packages under test, and passes on requests for all
// others to the registry that npm is configured for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, lastLines, run } from '../../command.mjs';
import { tool } from './tools.mjs';

/**
 * Starts the registry.
 *
 * @param {string} folder where it keeps what it has
 * @returns {Promise<{ url: string, publish: (tarball: string) => Promise<void>, stop: () => Promise<void> }>}
 */
export async function startRegistry(folder) {
  const script = await tool('verdaccio', 'bin/verdaccio');
  mkdirSync(folder, { recursive: true });
  const { output: upstream } = await run('npm', ['config', 'get', 'registry']);
  const open = { access: '$all', publish: '$all', unpublish: '$all' };
  const config = {
    storage: join(folder, 'storage'),
    uplinks: { upstream: { url: upstream.trim(), maxage: '1h', timeout: '60s' } },
    packages: { 's2n-pkey': open, '@s2n-pkey/*': open, '**': { access: '$all', proxy: 'upstream' } },
    auth: { htpasswd: { file: join(folder, 'htpasswd'), max_users: -1 } },
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
    max_body_size: '100mb',
  };
  const file = join(folder, 'config.yaml');
  writeFileSync(file, JSON.stringify(config)); // which YAML takes in
  const starter = join(import.meta.dirname, 'start-verdaccio.cjs');
  const child = spawn(process.execPath, [starter, script, file], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const port = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        const listening = /^listening (\d+)$/m.exec(output);
        if (listening) resolve(listening[1]);
      });
    }
    child.on('close', () => reject(new Refusal(`verdaccio did not start:\n${lastLines(output)}`)));
  });
  const url = `http://127.0.0.1:${port}/`;
  return {
    url,
    publish: (tarball) => publish(tarball, url, folder),
    async stop() {
      if (child.exitCode !== null) throw new Refusal(`verdaccio ended by itself:\n${lastLines(output)}`);
      child.kill();
      await once(child, 'close');
    },
  };
}

async function publish(tarball, url, folder) {
  const userconfig = join(folder, 'npmrc');
  writeFileSync(userconfig, `${url.slice('http:'.length)}:_authToken=anyone\n`);
  const args = [
    'publish',
    tarball,
    '--registry',
    url,
    '--userconfig',
    userconfig,
    '--access',
    'public',
    '--tag',
    'latest',
  ];
  const { ok, output } = await run('npm', args, { cwd: folder });
  if (!ok) throw new Refusal(`${tarball} could not be published to ${url}:\n${lastLines(output)}`);
}
