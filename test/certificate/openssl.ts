import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Runs the `openssl` command in a directory of its own that holds these files, and returns all it printed. Throws with that
 * text when it ends with an error.
 */
export function openssl(args: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(path.join(tmpdir(), 's2n-pkey-openssl-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(path.join(directory, name), text, { mode: 0o600 });
    }
    const { status, error, stdout, stderr } = spawnSync('openssl', args, {
      cwd: directory,
      encoding: 'utf8',
    });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`openssl ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout + stderr;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
