// Processor time of another process, from the kernel's own count of it (proc(5), /proc/PID/schedstat), in nanoseconds.
import { readdirSync, readFileSync } from 'node:fs';

/**
 * The event loop runs on the thread whose id is the process's. Threads that ended are not counted: a server's stay.
 *
 * @returns {{ loop: number, process: number }} nanoseconds on a CPU since the threads began
 */
export function processorTime(pid) {
  const threads = readdirSync(`/proc/${pid}/task`).map((tid) =>
    nanoseconds(`/proc/${pid}/task/${tid}/schedstat`),
  );
  return {
    loop: nanoseconds(`/proc/${pid}/task/${pid}/schedstat`),
    process: threads.reduce((sum, time) => sum + time, 0),
  };
}

function nanoseconds(file) {
  return Number(readFileSync(file, 'latin1').split(' ', 1)[0]);
}
