import { S2nPkeyError } from '../errors.ts';
import { addon } from './addon.ts';
import type {
  DescriptorUsage,
  EngineDiagnostics,
  NativeClientOptions,
  NativeConfig,
  NativeDescriptorTally,
  NativeEnvironment,
  NativeServerContexts,
} from './binding.ts';
import { EventReader, readEvent, type StreamListener } from './events.ts';

/** How long `process.exit` waits for what was written before it, in milliseconds. */
const EXIT_DELIVERY_LIMIT = 1000;

/** Events told before the event loop goes on: what they lead to takes some 100 µs each. */
const EVENTS_A_TURN = 64;
/** From so many on, the end of the turn is waited for. For each event it would cost a part of what the event does. */
const EVENTS_UNCOUNTED = 16;

/** Node's own, also where a test's clock replaces it later. */
const atEndOfTurn = setImmediate;

/**
 * This environment's end of the engine: streams by id, events handed to their listeners, and the event loop kept alive
 * while a handshake runs or bytes of a destroyed socket are still on their way. While it has no streams nothing of Node's
 * refers to it, so that a copy of this module that nobody uses any more (jest loads one for each file of tests) is garbage.
 */
class Engine {
  readonly #native: NativeEnvironment;
  readonly #listeners = new Map<number, StreamListener>();
  #holds = 0;
  #handshakes = 0;
  #events = new EventReader();
  /** Events told by `dispatch` in this turn of the event loop. */
  #delivered = 0;
  #awaitsEndOfTurn = false;
  /** Kept here, since the native side holds it only while there are streams. */
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
    this.#native = new (addon().Environment)(this.#onEvents);
  }

  /**
   * Takes a duplicate of an accepted descriptor; the caller closes its own. Returns the stream's id, or a negative errno
   * (then nothing was taken). Holds the event loop until the handshake is over: the listener calls `handshakeOver` then.
   * `tally` counts the duplicate until the engine closes it.
   */
  adopt(
    fd: number,
    contexts: NativeServerContexts,
    handshakeTimeout: number,
    tally: NativeDescriptorTally | undefined,
    listener: StreamListener,
  ): number {
    const stream = this.#native.adopt(fd, contexts, handshakeTimeout, tally);
    if (stream > 0) {
      this.#listen(stream, listener);
      this.#handshakes++;
      this.hold();
    }
    return stream;
  }

  /**
   * Begins a client's handshake; see `NativeEnvironment.connect`. It does not hold the event loop: the socket at the other
   * end of the pair does.
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

  judge(stream: number, accepted: boolean): void {
    this.#native.judge(stream, accepted);
  }

  cancel(stream: number): void {
    this.#native.cancel(stream);
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

  /** A handshake that `adopt` began has ended, one way or the other. */
  handshakeOver(): void {
    this.#handshakes--;
    this.release();
  }

  /** Handshakes under way in this environment: each will take two more descriptors. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /**
   * Tells listeners what has happened so far, as much of it as a turn of the event loop has room for. The others follow in
   * the next turn: while JavaScript is told of an event, the engine may make more of them.
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
   * Tells what has happened to one stream so far, for its socket that must not lag behind it. It may be called by a listener:
   * then the batch that has been begun is told first, since events of a stream are told in the order in which they happened.
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
    // Thrown by a listener of the user's own: an uncaught exception as anywhere else, but the other events of the batch
    // belong to other connections.
    try {
      deliver(listener);
    } catch (error) {
      throwLater(error);
    }
  }

  /**
   * The plaintext end of a stream whose handshake is done. Taken once; the caller owns it. `held`: the peer has not been sent
   * the end of the handshake yet (TLS 1.2), and is now.
   */
  takeDescriptor(stream: number, held: boolean): number {
    return this.#native.takeDescriptor(stream, held);
  }

  /** Called by the listener at the stream's last event (`onFailed` or `onClosed`), never before: a descriptor may come. */
  forget(stream: number): void {
    this.#native.endsInOrder(stream, false);
    if (this.#listeners.delete(stream) && this.#listeners.size === 0) process.off('exit', this.#onExit);
  }

  /** Keeps the event loop alive until the matching `release`. */
  hold(): void {
    if (this.#holds++ === 0) this.#native.ref();
  }

  release(): void {
    if (--this.#holds === 0) this.#native.unref();
  }

  complete(stream: number, operation: number, signature: Uint8Array): void {
    this.#native.complete(stream, operation, signature);
  }

  chooseContext(stream: number, config: NativeConfig | undefined, protocol: string | undefined): void {
    this.#native.chooseContext(stream, config, protocol);
  }

  /** Ends a handshake, with this alert (RFC 8446 §6.2); -1: with none. */
  destroy(stream: number, alert: number): void {
    this.#native.destroy(stream, alert);
  }

  /** Whether the end of the plaintext, which comes after this, is one in order: close_notify goes out, or a bare FIN. */
  endsInOrder(stream: number, inOrder: boolean): void {
    this.#native.endsInOrder(stream, inOrder);
  }

  reset(stream: number): void {
    this.#native.reset(stream);
  }

  setNoDelay(stream: number, on: boolean): void {
    this.#native.setNoDelay(stream, on);
  }

  setKeepAlive(stream: number, on: boolean, initialDelaySeconds: number): void {
    this.#native.setKeepAlive(stream, on, initialDelaySeconds);
  }

  setThreads(count: number): boolean {
    return this.#native.setThreads(count);
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

/** This environment's engine; the native side starts with the first call, its threads with the first connection. */
export function engine(): Engine {
  return (instance ??= new Engine());
}
