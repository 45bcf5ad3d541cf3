// Samples of the server's process, taken while no connection is under way: whatever it holds then, it holds for nothing.
import { setTimeout as pause } from 'node:timers/promises';

const patience = 15_000;
/** s2n's blinding keeps a connection that broke silent for up to 30 s. */
const silence = 31_000;

/** What is under way in the engine. Silent connections are not: nobody waits for them, and they end by themselves. */
export function underWay({ handshaking, awaitingSignature, open, lingering, tracked }) {
  return { handshaking, awaitingSignature, open, lingering, tracked };
}

export class Sampler {
  #server;

  /** @param {import('../harness/line-process.mjs').LineProcess} server */
  constructor(server) {
    this.#server = server;
  }

  /**
   * Waits until nothing is under way; with `silent`, until the last connection that broke is gone, too. A sample that still
   * holds something after that is for the verdict to find.
   */
  async take({ silent = false } = {}) {
    const until = Date.now() + (silent ? patience + silence : patience);
    for (;;) {
      const sample = await this.#ask();
      const busy = Object.values(underWay(sample.engine)).some((count) => count > 0);
      if ((!busy && !(silent && sample.engine.silent > 0)) || Date.now() > until) return sample;
      await pause(100);
    }
  }

  async #ask() {
    this.#server.cue();
    return await this.#server.next('sample');
  }
}
