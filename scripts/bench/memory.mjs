// What connections take in memory: the server's own, and the kernel's for their sockets.
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

/**
 * @param {number[]} pids
 * @returns {{ own: number, kernel: number }} bytes. `own`: resident in the server. `kernel`: slabs, and the memory of TCP's queues, of the
 *   whole machine: the load's ends of the connections are among them, for every contender alike
 */
export function memoryOf(pids) {
  const resident = pids.map((pid) => fieldOf(`/proc/${pid}/status`, 'VmRSS') * 1024);
  const pageSize = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));
  const pages = Number(/^TCP: .* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1] ?? 0);
  return {
    own: resident.reduce((total, bytes) => total + bytes, 0),
    kernel: fieldOf('/proc/meminfo', 'Slab') * 1024 + pages * pageSize,
  };
}

function fieldOf(file, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'))?.[1]);
}
