import { S2nPkeyError } from '../errors.ts';
import { addon } from './addon.ts';
import type {
  DescriptorUsage,
  EngineDiagnostics,
  NativeClientOptions,
  NativeDescriptorTally,
  NativeEnvironment,
  NativeProxyPolicy,
  NativeServerContexts,
  StreamCommands,
} from './binding.ts';
import { EventReader, readEvent, type StreamListener } from './events.ts';
import { readScheduling } from './scheduling.ts';

/** Milliseconds that `process.exit` waits for earlier writes to be delivered. */
const EXIT_DELIVERY_LIMIT = 1000;

/** Events delivered in one turn of the event loop. Handling one takes about 100 µs. */
const EVENTS_A_TURN = 64;
/** From this many events on, the turn's end resets the count. Below it, scheduling that would cost too much per event. */
const EVENTS_UNCOUNTED = 16;

/** Node's own `setImmediate`, even if a test's fake clock replaces the global later. */
const atEndOfTurn = setImmediate;

/** Given for connections that begin with a PROXY protocol header. */
export interface ProxyProtocol {
  readonly policy: NativeProxyPolicy;
  /** The peer's address, if the descriptor has none; empty: unknown. */
  readonly carrierHost: string;
  /** The handshake waits until the listener calls `commands.admit`. */
  readonly asks: boolean;
}

/**
 * This environment's end of the engine. It maps streams to listeners, delivers events, and keeps the event loop alive while
 * a handshake runs or bytes of a destroyed socket are still being sent. Without streams, nothing in Node refers to it, so an
 * unused copy of this module (jest loads one per test file) can be garbage-collected.
 */
class Engine {
  readonly #native: NativeEnvironment;
  readonly #listeners = new Map<number, StreamListener>();
  #holds = 0;
  #handshakes = 0;
  #events = new EventReader();
  /** Events delivered in this turn of the event loop. */
  #delivered = 0;
  #awaitsEndOfTurn = false;
  /** A field, because the native side keeps a reference only while there are streams. */
  readonly #onEvents = (): void => {
    // Node-API would turn an exception here into a warning.
    try {
      this.dispatch();
    } catch (error) {
      throwLater(error);
    }
  };
  readonly #onExit = (): void => {
    this.#native.deliver(EXIT_DELIVERY_LIMIT);
  };

  constructor() {
    this.#native = new (addon().Environment)(this.#onEvents, readScheduling(process.env));
  }

  /**
   * Duplicates an accepted descriptor; the caller closes its own. Returns the stream's id, or a negative errno if it did not
   * take the connection. The event loop stays alive until the listener calls `handshakeOver`. `tally` counts the duplicate
   * until the engine closes it.
   */
  adopt(
    fd: number,
    contexts: NativeServerContexts,
    handshakeTimeout: number,
    tally: NativeDescriptorTally | undefined,
    listener: StreamListener,
    proxy?: ProxyProtocol,
  ): number {
    const { policy, carrierHost, asks } = proxy ?? {};
    const stream = this.#native.adopt(fd, contexts, handshakeTimeout, tally, policy, carrierHost, asks);
    if (stream > 0) {
      this.#listen(stream, listener);
      this.#handshakes++;
      this.hold();
    }
    return stream;
  }

  /**
   * Starts a client's handshake; see `NativeEnvironment.connect`. The socket at the other end of the pair keeps the event
   * loop alive, so this does not.
   */
  connect(
    fd: number,
    pair: number,
    options: NativeClientOptions,
    handshakeTimeout: number,
    listener: StreamListener,
  ): number {
    const stream = this.#native.connect(fd, pair, options, handshakeTimeout);
    if (stream > 0) this.#listen(stream, listener);
    return stream;
  }

  #listen(stream: number, listener: StreamListener): void {
    if (this.#listeners.size === 0) process.on('exit', this.#onExit);
    this.#listeners.set(stream, listener);
  }

  /** What a stream can be told. A stream that has ended is told nothing. */
  get commands(): StreamCommands {
    return this.#native;
  }

  exportKeyingMaterial(
    stream: number,
    length: number,
    label: string,
    context: Uint8Array | undefined,
  ): Buffer | undefined {
    const material = this.#native.exportKeyingMaterial(stream, length, label, context);
    if (material !== null) return material;
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_ENGINE_BUSY',
      'the engine thread did not answer within a second: the machine is overloaded, try again later',
    );
  }

  /** A handshake that `adopt` started has completed or failed. */
  handshakeOver(): void {
    this.#handshakes--;
    this.release();
  }

  /** Handshakes in progress in this environment. Each needs two more descriptors when it completes. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /**
   * Delivers pending events to their listeners, up to the limit for one turn of the event loop. The rest follow in the next
   * turn, because the engine may produce events as fast as JavaScript handles them.
   */
  dispatch(): void {
    while (this.#delivered < EVENTS_A_TURN) {
      this.#events = new EventReader(this.#native.drain(EVENTS_A_TURN - this.#delivered));
      if (this.#events.done) break;
      this.#deliverBatch();
    }
    if (this.#delivered >= EVENTS_UNCOUNTED && !this.#awaitsEndOfTurn) {
      this.#awaitsEndOfTurn = true;
      atEndOfTurn(() => {
        this.#awaitsEndOfTurn = false;
        const more = this.#delivered >= EVENTS_A_TURN;
        this.#delivered = 0;
        if (more) this.#onEvents();
      });
    }
  }

  /**
   * Delivers the pending events of one stream at once, for a socket that must not lag behind them. A listener may call this:
   * the rest of the current batch comes first then, so that events of a stream stay in order.
   */
  dispatchOf(stream: number): void {
    this.#deliverBatch();
    this.#events = new EventReader(this.#native.drain(0, stream));
    this.#deliverBatch();
  }

  #deliverBatch(): void {
    while (!this.#events.done) {
      this.#delivered++;
      readEvent(this.#events, (stream, deliver) => this.#notify(stream, deliver));
    }
  }

  #notify(stream: number, deliver: (listener: StreamListener) => void): void {
    const listener = this.#listeners.get(stream);
    if (!listener) return;
    // An exception in a user's listener is uncaught, as anywhere else. It is thrown later, because the other events of the
    // batch belong to other connections.
    try {
      deliver(listener);
    } catch (error) {
      throwLater(error);
    }
  }

  /**
   * Returns the plaintext end of a stream whose handshake is done. Call it once; the caller owns the descriptor. `held`: the
   * engine has held back the end of the handshake (TLS 1.2), and sends it now.
   */
  takeDescriptor(stream: number, held: boolean): number {
    return this.#native.takeDescriptor(stream, held);
  }

  /** The listener calls it at the stream's last event (`onFailed` or `onClosed`). Earlier, a descriptor could still come. */
  forget(stream: number): void {
    this.commands.endsInOrder(stream, false);
    if (this.#listeners.delete(stream) && this.#listeners.size === 0) process.off('exit', this.#onExit);
  }

  /** Keeps the event loop alive until the matching `release`. */
  hold(): void {
    if (this.#holds++ === 0) this.#native.ref();
  }

  release(): void {
    if (--this.#holds === 0) this.#native.unref();
  }

  setThreads(count: number): boolean {
    return this.#native.setThreads(count);
  }

  /** For `npm run bench:threads`. */
  arenaLock(): { taken: number; waited: number } {
    return this.#native.arenaLock();
  }

  diagnostics(): EngineDiagnostics {
    return { ...this.#native.diagnostics(), tracked: this.#listeners.size };
  }

  descriptorUsage(): DescriptorUsage {
    return this.#native.descriptorUsage();
  }

  duplicateListener(fd: number): { fd: number; backlog: number } {
    return this.#native.duplicateListener(fd);
  }
}

function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

export type { Engine };

let instance: Engine | undefined;

/** This environment's engine. The first call starts the native side; the first connection starts its threads. */
export function engine(): Engine {
  return (instance ??= new Engine());
}
