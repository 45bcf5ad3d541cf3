import type { Server } from 'node:net';
import type { Engine } from '../../native/engine.ts';
import { descriptorBudget, type DescriptorBudget } from './descriptor-budget.ts';
import { holdListening, type HeldListener } from '../node/node-internals.ts';

/** How often a paused server looks for room, in milliseconds. Each look is two system calls. */
const LOOK_INTERVAL = 100;

/**
 * Stops a server from accepting while there are no descriptors for more connections, and lets it go on when there are.
 * Meanwhile connections wait in the kernel's backlog. The server tells: `'acceptPaused'` and `'acceptResumed'`, each with a
 * {@link DescriptorReport}. Where the listening socket is not this process's (a cluster worker that is handed its
 * connections), there is nothing to pause: connections are refused instead, each told by `'drop'`.
 */
export class AcceptGate {
  readonly #server: Server;
  readonly #budget: DescriptorBudget;
  readonly #engine: Engine;
  #held: HeldListener | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(server: Server, engine: Engine) {
    this.#server = server;
    this.#engine = engine;
    this.#budget = descriptorBudget(engine);
  }

  /**
   * Asked for each accepted connection. False: refuse it. The one that finds the room used up is still taken, out of the
   * reserve, if no other can follow.
   */
  admits(fd: number | undefined): boolean {
    if (this.#budget.admits(fd)) return true;
    const first = this.#timer === undefined;
    if (first)
      this.#held = holdListening(this.#server, (listening) => this.#engine.duplicateListener(listening));
    if (first) this.#pause();
    return this.#held !== undefined;
  }

  #pause(): void {
    this.#timer = setInterval(() => {
      this.#look();
    }, LOOK_INTERVAL);
    // The event loop is kept alive by a server that listens, and by one that will again.
    if (!this.#held?.keepsAlive) this.#timer.unref();
    this.#server.emit('acceptPaused', this.#budget.report());
  }

  #look(): void {
    const gone = this.#held ? !this.#held.isCurrent() : !this.#server.listening;
    if (!gone && !this.#budget.hasRoom()) return;
    if (!gone && this.#held && !this.#held.resume()) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#held = undefined;
    if (!gone) this.#server.emit('acceptResumed', this.#budget.report());
  }
}
