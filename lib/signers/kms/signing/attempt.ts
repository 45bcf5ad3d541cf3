import type { Connection, Exchange } from './connection.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { Credentials } from './sigv4.ts';

/** Who makes attempts, and decides what comes of them. */
export interface AttemptOwner {
  render(attempt: Attempt): string;
  answered(attempt: Attempt, answer: HttpAnswer): void;
  broken(attempt: Attempt, error: Error, stale: boolean): void;
}

/** One request for a signature. */
export class Attempt implements Exchange {
  carrier: Connection | undefined;
  /** 1 for the first. */
  readonly number: number;
  readonly isHedge: boolean;
  readonly credentials: Credentials;
  /** `performance.now()`. */
  readonly begun: number;
  /** `performance.now()`; undefined as long as it waits for a connection. */
  sent: number | undefined;
  /** How far the server's clock was thought to be ahead when it was signed, in milliseconds. */
  clockOffset = 0;
  readonly #owner: AttemptOwner;

  constructor(owner: AttemptOwner, number: number, isHedge: boolean, credentials: Credentials) {
    this.#owner = owner;
    this.number = number;
    this.isHedge = isHedge;
    this.credentials = credentials;
    this.begun = performance.now();
  }

  render(): string {
    this.sent = performance.now();
    return this.#owner.render(this);
  }

  answered(answer: HttpAnswer): void {
    this.#owner.answered(this, answer);
  }

  failed(error: Error, stale: boolean): void {
    this.#owner.broken(this, error, stale);
  }
}
