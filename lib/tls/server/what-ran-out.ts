import { constants } from 'node:os';

/** Explains an errno that the engine's `adopt` returned. */
export function whatRanOut(errno: number): string {
  const { EMFILE, ENFILE, EAGAIN, ENOMEM } = constants.errno;
  if (errno === EMFILE)
    return 'the process has no descriptor left; raise the limit of open files (ulimit -n)';
  if (errno === ENFILE) return 'the system has no descriptor left (sysctl fs.file-max)';
  if (errno === EAGAIN)
    return 'no thread could be started for the engine; raise the limit of processes (ulimit -u) or memory';
  if (errno === ENOMEM) return 'no memory is left';
  return `errno ${errno}`;
}
