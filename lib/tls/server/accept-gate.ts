import type { Server } from 'node:net';
import { acceptChannel } from '../../observe/channels/channels.ts';
import type { AcceptMessage } from '../../observe/channels/operation-messages.ts';
import type { Engine } from '../../native/engine.ts';
import { descriptorBudget, type DescriptorBudget } from './descriptor-budget.ts';
import { holdListening, type HeldListener } from '../node/node-internals.ts';

/** Milliseconds between checks for free descriptors while paused. Each check costs two system calls. */
const LOOK_INTERVAL = 100;

/**
 * Pauses accepting while there are no descriptors for more connections, and resumes when there are. Meanwhile connections
 * wait in the kernel's backlog. The server emits `'acceptPaused'` and `'acceptResumed'`, each with a {@link DescriptorReport}.
 * A cluster worker that gets its connections from the primary has no listening socket to pause. It refuses connections
 * instead, and emits `'drop'` for each.
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
   * Called for each accepted connection. False: refuse it. The connection that finds no room left is still accepted, from
   * the reserve, if accepting can be paused after it.
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
    // A paused server keeps the event loop alive, as a listening one does.
    if (!this.#held?.keepsAlive) this.#timer.unref();
    this.#report('paused');
  }

  #look(): void {
    const gone = this.#held ? !this.#held.isCurrent() : !this.#server.listening;
    if (!gone && !this.#budget.hasRoom()) return;
    if (!gone && this.#held && !this.#held.resume()) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#held = undefined;
    if (!gone) this.#report('resumed');
  }

  #report(state: AcceptMessage['state']): void {
    const report = this.#budget.report();
    if (acceptChannel.hasSubscribers) acceptChannel.publish({ state, ...report } satisfies AcceptMessage);
    this.#server.emit(state === 'paused' ? 'acceptPaused' : 'acceptResumed', report);
  }
}
