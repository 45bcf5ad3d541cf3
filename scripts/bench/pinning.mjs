// Which core runs what: all of a server on one, the load on another, so that neither takes the other's time.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findCommand } from '../build/requirements.mjs';

/**
 * @returns {{ server?: string, load?: string, both?: string, shared?: boolean, why?: string }} lists of cores as taskset takes them;
 *   undefined when nothing can be pinned, with the reason. `both`: for a server that may use two. `shared`: one of those is the load's.
 */
export function chooseCores() {
  if (!findCommand('taskset')) return { why: 'taskset (util-linux) is not installed' };
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const cores = list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  if (cores.length < 2) return { why: 'this process may use one core only' };
  const load = cores.at(-1);
  return {
    server: String(cores[0]),
    both: `${cores[0]},${cores[1]}`,
    load: String(load),
    shared: load === cores[1],
  };
}

/** The command, on that core. */
export function pinned(core, command) {
  return core === undefined ? command : ['taskset', '--cpu-list', core, ...command];
}

/** Moves a process that runs already, all of its threads. */
export function pin(core, pid) {
  if (core === undefined) return;
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', core, String(pid)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`taskset: ${stderr}`);
}
