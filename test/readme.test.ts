import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { findOrCreateDemoKey } from '../lib/signers/kms/keys/demo-key.ts';
import { startLocalKms, type LocalKms } from '../lib/local-kms/start.ts';
import { environmentOf } from './fixtures/kms-environment.ts';
import { readAll } from './fixtures/peers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('the README', () => {
  let kms: LocalKms;
  let folder: string;
  let server: ChildProcess | undefined;

  before(async () => {
    kms = await startLocalKms();
    // Inside the package, where its own name leads to dist/, which `npm test` has built.
    folder = await mkdtemp(join(root, 'build', 'readme-'));
  });
  after(async () => {
    server?.kill();
    await kms.close();
    await rm(folder, { recursive: true });
  });

  it('opens with lines that work when pasted', async () => {
    const page = await readFile(join(root, 'README.md'), 'utf8');
    const code = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    expect(code.trim().split('\n').length).to.be.at.most(10);
    // The name decides whether Node takes it for CommonJS, here as in the clone that the page speaks of.
    const name = /^node (\S+)$/m.exec(page)?.[1] ?? '';
    expect(code).to.include(`// ${name}\n`);
    const exported = [...page.matchAll(/^export (.+)$/gm)].flatMap(([, line = '']) => line.split(' '));
    expect(exported.map((pair) => pair.split('=')[0])).to.have.members(Object.keys(environmentOf(kms)));
    const client = new KMSClient(kms.clientOptions);
    await findOrCreateDemoKey(client);
    client.destroy();
    const program = join(folder, name);
    const onFreePort = code.replace(
      '8443, () => console.log',
      "0, '127.0.0.1', () => console.log(server.address().port) || console.log",
    );
    expect(onFreePort).not.to.equal(code);
    await writeFile(program, onFreePort);
    server = spawn(process.execPath, ['--no-warnings', program], {
      env: {
        PATH: process.env['PATH'],
        ...environmentOf(kms),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (!server.stdout) throw new Error('no output to read');
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    const port = Number.parseInt(line.toString(), 10);
    const outgoing = request({ port, host: '127.0.0.1', rejectUnauthorized: false, agent: false });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect((await readAll(response)).toString()).to.equal('The key to this is in KMS.\n');
  });
});
