// Processor time of other processes, from the kernel's own count of it (proc(5), /proc/PID/schedstat), in nanoseconds.
import { readdirSync, readFileSync } from 'node:fs';

/**
 * The event loop runs on the thread whose id is the process's. Threads that ended are not counted: a server's stay.
 *
 * @param {number[]} pids the processes of one server
 * @returns {{ loop: number, process: number }} nanoseconds on a CPU since the threads began
 */
export function processorTime(pids) {
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  return {
    loop: sum(pids.map((pid) => nanoseconds(`/proc/${pid}/task/${pid}/schedstat`))),
    process: sum(
      pids.flatMap((pid) =>
        readdirSync(`/proc/${pid}/task`).map((tid) => nanoseconds(`/proc/${pid}/task/${tid}/schedstat`)),
      ),
    ),
  };
}

function nanoseconds(file) {
  return Number(readFileSync(file, 'latin1').split(' ', 1)[0]);
}
