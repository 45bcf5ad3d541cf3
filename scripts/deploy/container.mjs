// Starts what an image says, in namespaces of its own, as a container runtime would: a root that cannot be written to, the image's
// user, no capability, no new privileges, and no other variable than the image's and those given. The network is the host's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Refusal } from '../command.mjs';

/** What containers have by default, in bytes: containerd and Docker leave it at the kernel's old limit. */
const lockedMemory = 65_536;

const script = `
set -e
root=$1; user=$2; group=$3; shift 3
mount --bind "$root" "$root"
while [ "$1" != -- ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"; shift 3; done
shift
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind /dev/null "$root/dev/null" 2>/dev/null || { touch "$root/dev/null"; mount --bind /dev/null "$root/dev/null"; }
touch "$root/dev/urandom"; mount --bind /dev/urandom "$root/dev/urandom"
mount --bind /etc/hosts "$root/etc/hosts"; mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
mount -o remount,bind,ro "$root"
exec prlimit --memlock=${lockedMemory}:${lockedMemory} chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups \\
  --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
`;

/**
 * @param {{ root: string, config: object, args?: string[], env?: Record<string, string>,
 *   mounts?: { from: string, to: string, writable?: boolean }[] }} what `config` is the image's, as OCI names its fields
 */
export function startContainer({ root, config, args = [], env = {}, mounts = [] }) {
  const [user, group] = config.User.split(':');
  const volumes = mounts.flatMap(({ from, to, writable }) => [from, to, writable ? 'rw' : 'ro']);
  const own = Object.fromEntries((config.Env ?? []).map((line) => line.split(/=(.*)/s, 2)));
  // `--chdir` of the image: setpriv and chroot know none, env does.
  const command = ['env', `--chdir=${config.WorkingDir || '/'}`, ...config.Entrypoint, ...args];
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--ipc',
      '--uts',
      'sh',
      '-c',
      script,
      'sh',
      root,
      user,
      group,
      ...volumes,
      '--',
      ...command,
    ],
    // Runtimes give a user that /etc/passwd does not have the root as home.
    { env: { PATH: process.env.PATH, HOME: '/', ...own, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return new Container(child);
}

class Container {
  #child;
  #lines = [];
  #ended;

  constructor(child) {
    this.#child = child;
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line);
        child.emit('line', line);
      });
  }

  get output() {
    return this.#lines.join('\n');
  }

  /** Resolves once a line matches, and refuses where the container ends before that, or a minute passes. */
  async line(pattern) {
    const signal = AbortSignal.timeout(60_000);
    const ended = this.#ended.then(() => {
      throw new Refusal(`the container ended:\n${this.output}`);
    });
    ended.catch(() => undefined);
    while (!this.#lines.some((line) => pattern.test(line)))
      await Promise.race([once(this.#child, 'line', { signal }), ended]).catch((error) => {
        throw error.name === 'AbortError' ? new Refusal(`no line like ${pattern}:\n${this.output}`) : error;
      });
  }

  /** The process that the image's entry point is: number 1 of its own namespace. */
  get pid() {
    const children = readFileSync(`/proc/${this.#child.pid}/task/${this.#child.pid}/children`, 'utf8');
    return Number(children.trim());
  }

  /** A file of /proc about it. */
  proc(name) {
    return readFileSync(`/proc/${this.pid}/${name}`, 'utf8');
  }

  /** Ends it as a runtime does, and gives its exit code. */
  async stop() {
    if (this.#child.exitCode === null) process.kill(this.pid, 'SIGTERM');
    const [code] = await this.#ended;
    return code;
  }

  kill() {
    if (this.#child.exitCode === null) process.kill(this.pid, 'SIGKILL');
  }
}
