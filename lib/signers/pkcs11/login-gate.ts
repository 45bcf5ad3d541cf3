/**
 * One login at a time among the threads of a signer, and none after one was refused: sessions of one process share their login, and a
 * token locks after a few wrong PINs. Blocks the thread: this is for workers.
 */
export class LoginGate {
  /** What the threads share: whether one is at it, and whether the PIN was refused. */
  readonly #shared: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#shared = new Int32Array(memory);
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Does `login`, unless a PIN was refused before; whether it did. `login` says whether the PIN was taken. */
  pass(login: () => boolean): boolean {
    while (Atomics.compareExchange(this.#shared, 0, 0, 1) !== 0) Atomics.wait(this.#shared, 0, 1);
    try {
      if (Atomics.load(this.#shared, 1) === 1) return false;
      if (!login()) Atomics.store(this.#shared, 1, 1);
      return true;
    } finally {
      Atomics.store(this.#shared, 0, 0);
      Atomics.notify(this.#shared, 0, 1);
    }
  }
}
