import { readdirSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { startLocalKms } from '../lib/local-kms/start.ts';
import { findOrCreateDemoKey } from '../lib/signers/kms/keys/demo-key.ts';
import { testNeeds } from './fixtures/needs.ts';
import { blocksOf, ReaderFolder, root } from './fixtures/page-commands.ts';

/** What a command prints: `ready` where it stays, and `ends` where it ends. */
type Step = { readonly ready: RegExp } | { readonly ends: RegExp };

const serves: Step = { ready: /^https:\/\/localhost:8443$/ };
/** For each example, the commands of its README in order. */
const examples: Record<string, readonly Step[]> = {
  https: [serves, { ends: /^Hello over TLSv1\.3$/m }],
  express: [serves, { ends: /\{"secure":true,"protocol":"https"\}/ }],
  'fastify-http2': [serves, { ends: /\{"protocol":"https","http":"2\.0"\}/ }],
  grpc: [serves, { ends: /^Hello, gRPC$/m }],
  'client-certificate': [{ ends: /^client\.pem$/m }, serves, { ends: /^Hello, client\.example$/m }],
  'signer-process': [
    { ready: /^listening on .*signer\.sock$/ },
    serves,
    { ends: /^Signed by another process$/m },
  ],
};

describe('the examples', () => {
  it('are all here', () => {
    const folders = readdirSync(join(root, 'examples'), { withFileTypes: true }).filter((one) =>
      one.isDirectory(),
    );
    expect(folders.map(({ name }) => name)).to.have.members(Object.keys(examples));
  });

  for (const [name, steps] of Object.entries(examples)) {
    it(`${name} runs as its README says`, async function () {
      testNeeds(this, 'curl');
      this.timeout(120_000);
      const commands = (await blocksOf(join('examples', name, 'README.md'))).map(({ text }) => text);
      expect(commands).to.have.length(steps.length);

      const reader = await ReaderFolder.inClone();
      try {
        // A short name: the path of a Unix socket has few bytes.
        await cp(join(root, 'examples'), join(reader.path, 'ex'), { recursive: true });
        await createDemoKey(join(reader.path, '.s2n-pkey', 'local-kms'));
        for (const [i, step] of steps.entries()) {
          const inFolder = `cd ex/${name}\n${commands[i] ?? ''}`;
          if ('ready' in step) await reader.start(inFolder, step.ready);
          else expect(await reader.run(inFolder)).to.match(step.ends);
        }
      } finally {
        await reader.close();
      }
    });
  }
});

/** What `npm run demo -- --local` leaves behind. */
async function createDemoKey(dataDirectory: string): Promise<void> {
  const kms = await startLocalKms({ dataDirectory });
  const client = new KMSClient(kms.clientOptions);
  await findOrCreateDemoKey(client);
  client.destroy();
  await kms.close();
}
