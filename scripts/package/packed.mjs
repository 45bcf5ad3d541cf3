// The package as `npm pack` makes it, in a file.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, lastLines, run, say } from '../command.mjs';

/** Packs into `folder`, which has no other package, and gives the file's path. */
export async function packInto(folder) {
  say('packing (npm pack) ...');
  const { ok, output } = await run('npm', ['pack', '--pack-destination', folder]);
  if (!ok) throw new Refusal(`npm pack failed:\n${lastLines(output)}`);
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  return join(folder, tarball);
}
