import { S2nPkeyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';

/** sd_listen_fds(3): the first descriptor that systemd passes. */
const firstDescriptor = 3;

/**
 * The listening socket that systemd passed to this process, and takes the variables away. Undefined: it passed none.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_USAGE` if it is for another process, or not exactly one.
 */
export function inheritedDescriptor(environment: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { LISTEN_FDS: count, LISTEN_PID: owner } = environment;
  if (count === undefined && owner === undefined) return undefined;
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'])
    Reflect.deleteProperty(environment, name);
  if (owner !== String(pid)) {
    throw usage(
      `LISTEN_PID: expected ${pid}, this process; given ${owner ?? 'nothing'}. Start node itself in the unit, not npx or a shell`,
    );
  }
  if (count !== '1') throw usage(`LISTEN_FDS: expected 1 socket; given ${count ?? 'nothing'}`);
  return firstDescriptor;
}

function usage(message: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_USAGE', message);
}

/** Tells systemd about the state of the service (sd_notify(3)); nothing without `NOTIFY_SOCKET`. */
export class Notifier {
  readonly #socket: string | undefined;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #hasFailed = false;

  constructor(environment: NodeJS.ProcessEnv, pid: number) {
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: microseconds, WATCHDOG_PID: watched } = environment;
    this.#socket = socket;
    const every = Number(microseconds) / 2_000;
    if (socket === undefined || !(every >= 1) || (watched ?? String(pid)) !== String(pid)) return;
    this.#watchdog = setInterval(() => this.#send('WATCHDOG=1'), every).unref();
  }

  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`);
  }

  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
  }

  stopping(): void {
    this.#send('STOPPING=1');
    clearInterval(this.#watchdog);
  }

  #send(text: string): void {
    if (this.#socket === undefined || this.#socket === '') return;
    const result = addon().sendDatagram(this.#socket, text);
    if (result === 0 || this.#hasFailed) return;
    this.#hasFailed = true;
    process.stderr.write(`s2n-pkey signer: NOTIFY_SOCKET cannot be written to (errno ${-result})\n`);
  }
}
