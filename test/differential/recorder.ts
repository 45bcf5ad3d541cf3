/** Records what emitters emit without adding a listener, which would change what is emitted and what ends the process. */
import type { EventEmitter } from 'node:events';
import { meaning } from './scenario.ts';

/** What each implementation emits for its own use, and what says only that bytes came, in whatever pieces. */
const unseen = new Set(['newListener', 'removeListener', 'prefinish', 'readable', 'pause', 'resume']);
const internal = new Set(['_tlsError', 'pipe', 'unpipe', 'agentRemove', 'free', 'socket', 'keylog']);

/** A record that cannot be read is no TLS, whatever each implementation takes it for. */
export function said(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code.startsWith('ERR_HTTP2')) return code; // the message quotes another's
  return ['ERR_S2N_PKEY_PROTOCOL', 'EPROTO'].includes(code) ? 'no TLS' : meaning(error);
}

const patience = 8_000;

export class Recorder {
  /** Each event as `who event`, with what it says: an error's meaning, the `hadError` of `'close'`. */
  readonly events: string[] = [];
  readonly #open = new Set<string>();
  #wake: () => void = () => undefined;

  /** From now on. An `'error'` that nobody listens for is noted as such, and does not end the process. */
  watch(emitter: EventEmitter, who: string, ends = true): void {
    const emit = emitter.emit.bind(emitter) as (event: string | symbol, ...args: unknown[]) => boolean;
    if (ends) this.#open.add(who);
    emitter.emit = (event: string | symbol, ...args: unknown[]): boolean => {
      this.#note(emitter, who, event, args);
      // Whatever throws where nobody listens ends the process, as it should for a client.
      return event === 'error' && emitter.listenerCount('error') === 0 ? false : emit(event, ...args);
    };
  }

  #note(emitter: EventEmitter, who: string, event: string | symbol, [first]: unknown[]): void {
    if (typeof event === 'symbol' || unseen.has(event) || internal.has(event)) return;
    if (event === 'close') this.#open.delete(who);
    this.note(`${who} ${event}${this.#detail(emitter, event, first)}`);
  }

  note(what: string): void {
    if (this.events.at(-1) !== what) this.events.push(what);
    this.#wake();
  }

  #detail(emitter: EventEmitter, event: string, first: unknown): string {
    if (event === 'close') return typeof first === 'boolean' ? ` (${first})` : '';
    if (event !== 'error') return '';
    return `: ${said(first)}${emitter.listenerCount('error') === 0 ? ', which nobody listens for' : ''}`;
  }

  /** Waits until `done`; by default until all that is watched has closed. */
  async until(done: () => boolean = () => this.#open.size === 0): Promise<void> {
    const late = Symbol('late');
    let timer: NodeJS.Timeout | undefined;
    const lateness = new Promise<typeof late>((resolve) => {
      timer = setTimeout(resolve, patience, late);
    });
    while (!done()) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      if ((await Promise.race([woken, lateness])) === late) {
        throw new Error(`not over: ${[...this.#open].join(', ')}; seen: ${this.events.join(', ')}`);
      }
    }
    clearTimeout(timer);
    // What belongs to the same turn may come right after 'close'.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  }
}
