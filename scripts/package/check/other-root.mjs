// The installed package in another root: a system that has nothing but what its own files are.
import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Refusal, lastLines, run } from '../../command.mjs';
import { findCommand } from '../../build/requirements.mjs';
import { nodes } from './tools.mjs';

const buildTools = ['cc', 'gcc', 'c++', 'make', 'ninja', 'cmake', 'cargo', 'python3'];

/** A handshake under Node 24 in the root at `root`, which this user must be allowed to enter. */
export async function checkInRoot(root, installed, identity, say) {
  const present = buildTools.filter((tool) => existsSync(join(root, 'usr', 'bin', tool)));
  const folder = mkdtempSync(join(root, 's2n-pkey-'));
  try {
    cpSync(installed.folder, folder, { recursive: true, verbatimSymlinks: true });
    const [, , node24] = await nodes();
    copyFileSync(node24, join(folder, 'node'));
    for (const file of identity) copyFileSync(file, join(folder, basename(file)));
    const inside = `/${basename(folder)}`;
    const program = [`${inside}/node`, 'handshake.cjs', ...identity.map((file) => basename(file))].join(' ');
    const chroot = findCommand('chroot', '/usr/sbin/chroot');
    if (!chroot) throw new Refusal('there is no chroot: run this as root, with /usr/sbin in the PATH.');
    const system = `. /etc/os-release; echo "$PRETTY_NAME, $(getconf GNU_LIBC_VERSION)"`;
    const command = ['/bin/sh', '-c', `${system}; cd ${inside}; exec ${program}`];
    const env = { PATH: '/usr/bin:/bin' };
    const { ok, output } = await run(chroot, [root, ...command], { cwd: '/', env });
    if (!ok) throw new Refusal(`the package does not work in ${root}:\n${lastLines(output)}`);
    const tools = present.length > 0 ? `which has ${present.join(', ')}` : 'without any build tool';
    say(`in ${root}, ${tools}: ${output.trim().split('\n').join('; ')}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
