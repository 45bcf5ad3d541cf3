import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { KMSClient } from '@aws-sdk/client-kms';
import { S2nPkeyError } from '../errors.ts';
import { deleteDemoKeys } from '../signers/kms/keys/demo-key.ts';
import type { Command } from './command.ts';
import { chooseKms, type ChosenKms } from './demo/choose-kms.ts';
import { mayCreateKey } from './demo/consent.ts';
import { demonstrate } from './demo/demonstration.ts';
import { nodeNotice, opening, report } from './demo/report.ts';
import { serveDemo } from './demo/serve.ts';

const usage = `Usage: s2n-pkey demo [clean] [options]

Shows one TLS handshake of a server that holds only a certificate: KMS makes the signature. With an
AWS Region and credentials configured it uses AWS KMS, and asks before it creates a key. Otherwise
it starts a local KMS.

  clean            schedule the deletion of the keys that the demo created
  --serve          serve a page that shows each signature as KMS makes it, until Ctrl+C
  --port <number>  port of that page (default: 8443)
  --local          use a local KMS whatever is configured
  --data <folder>  where the local KMS keeps its keys (default: .s2n-pkey/local-kms)
  --yes            create the key in AWS KMS without asking
  --help           print this text
`;

export const demoCommand: Command = {
  name: 'demo',
  summary: 'show a handshake whose private key is in KMS (demo clean deletes its keys)',
  run: runDemo,
};

async function runDemo(args: readonly string[]): Promise<void> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        serve: { type: 'boolean', default: false },
        port: { type: 'string' },
        local: { type: 'boolean', default: false },
        data: { type: 'string' },
        yes: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const [action = 'show', ...rest] = positionals;
    if (values.help) {
      process.stdout.write(usage);
      return;
    }
    if (rest.length > 0 || (action !== 'show' && action !== 'clean')) {
      throw new S2nPkeyError(
        'ERR_S2N_PKEY_USAGE',
        `unknown argument '${rest[0] ?? action}'; see s2n-pkey demo --help`,
      );
    }
    if (values.port !== undefined && !values.serve) throw usageError('--port is for --serve');
    if (values.serve && action === 'clean') throw usageError('clean deletes keys, and serves nothing');
    const port = readPort(values.port);
    // The demonstration says the same in one line: see nodeNotice.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
    const kms = await chooseKms(values.local, values.data);
    try {
      if (action === 'clean') await clean(kms);
      else await present(kms, values.yes, (chosen) => (values.serve ? serve(chosen, port) : show(chosen)));
    } finally {
      await kms.close();
    }
  } catch (error) {
    // One sentence that says what to do; the stack of an error that is not ours helps its author.
    const known = error instanceof S2nPkeyError || (error instanceof Error && 'code' in error);
    process.stderr.write(
      `s2n-pkey demo: ${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exitCode = 1;
  }
}

function usageError(problem: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_USAGE', `${problem}; see s2n-pkey demo --help`);
}

function readPort(text = '8443'): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw usageError(`--port expects a number from 0 to 65535 and was given '${text}'`);
}

/** Says what is used and what it costs, asks for what costs something, and goes on. */
async function present(kms: ChosenKms, yes: boolean, goOn: (kms: ChosenKms) => Promise<void>): Promise<void> {
  process.stdout.write(`${opening(kms)}\n${nodeNotice(process.version)}`);
  if (await mayCreateKey(kms, yes)) {
    await goOn(kms);
    return;
  }
  process.stdout.write('Nothing was created.\n');
  process.exitCode = 1;
}

async function serve(kms: ChosenKms, port: number): Promise<void> {
  const demo = await serveDemo(kms, port);
  process.stdout.write(`Key           ${demo.arn}\n`);
  process.stdout.write(`Page          ${demo.url}\n`);
  process.stdout.write(
    '              Its certificate is self-signed, so your browser asks before it shows it.\n',
  );
  process.stdout.write('              Stop with Ctrl+C.\n');
  const stopped = new AbortController();
  const { signal } = stopped;
  await Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })]);
  stopped.abort();
  await demo.close();
}

async function show(kms: ChosenKms): Promise<void> {
  process.stdout.write(`${report(await demonstrate(kms.clientOptions))}\n`);
}

async function clean(kms: ChosenKms): Promise<void> {
  process.stdout.write(`KMS           ${kms.description}\n`);
  const client = new KMSClient(kms.clientOptions);
  try {
    const { deleted, unreadable } = await deleteDemoKeys(client);
    for (const { arn, deletionDate } of deleted) {
      process.stdout.write(
        `Deleted       ${arn}, scheduled for ${deletionDate?.toISOString() ?? 'a date that KMS did not report'}\n`,
      );
    }
    if (deleted.length === 0) process.stdout.write('There is no key of the demo.\n');
    for (const arn of unreadable)
      process.stdout.write(`Skipped       ${arn}: these credentials may not read its tags\n`);
  } finally {
    client.destroy();
  }
}
