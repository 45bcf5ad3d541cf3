import { InvalidOptionError } from '../errors.ts';

/**
 * What can go wrong with a KMS, on demand:
 *
 * - `latency`: the answer comes `milliseconds` later.
 * - `throttle`: `ThrottlingException`, "Rate exceeded".
 * - `internal-error`: `KMSInternalException`, HTTP 500.
 * - `hang`: the request is taken and never answered.
 * - `reset`: the connection is reset in the middle of the answer.
 * - `truncate`: the connection ends in the middle of the answer.
 * - `wrong-body`: a whole answer, HTTP 200, that is not JSON.
 * - `wrong-signature`: a well-formed signature by the right key, over something else.
 * - `wrong-key`: the right thing signed by another key of the same spec.
 * - `disabled-key`: `DisabledException`, whatever the key's state.
 * - `expired-credentials`: `ExpiredTokenException`.
 * - `skewed-clock`: the clock of KMS, by which it judges signatures and which the header Date has, is `milliseconds` ahead.
 */
export const misbehaviourKinds = [
  'latency',
  'throttle',
  'internal-error',
  'hang',
  'reset',
  'truncate',
  'wrong-body',
  'wrong-signature',
  'wrong-key',
  'disabled-key',
  'expired-credentials',
  'skewed-clock',
] as const;

export type MisbehaviourKind = (typeof misbehaviourKinds)[number];

export interface Misbehaviour {
  readonly kind: MisbehaviourKind;
  /** Names of operations it applies to; `Sign` alone unless given. */
  readonly operations?: readonly string[];
  /** 0–1: how likely it is for each request; always (1) unless given. */
  readonly probability?: number;
  /** After so many requests it is over; it stays unless given. */
  readonly count?: number;
  /** For `latency`: how long, or the range it is drawn from evenly. For `skewed-clock`: how far; ten minutes unless given. */
  readonly milliseconds?: number | readonly [from: number, to: number];
}

function isWait(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 3_600_000;
}

/** Checks what a caller gave. Throws `InvalidOptionError`. */
export function checkMisbehaviour(given: unknown): Misbehaviour {
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionError('misbehaviour', 'an object such as { kind: "throttle" }', given);
  }
  const options = new Map<string, unknown>(Object.entries(given));
  const kind = misbehaviourKinds.find((one) => one === options.get('kind'));
  if (kind === undefined) {
    throw new InvalidOptionError(
      'misbehaviour.kind',
      `one of ${misbehaviourKinds.join(', ')}`,
      options.get('kind'),
    );
  }
  const operations = options.get('operations') ?? ['Sign'];
  if (!Array.isArray(operations) || !operations.every((one) => typeof one === 'string')) {
    throw new InvalidOptionError('misbehaviour.operations', 'an array of operation names', operations);
  }
  const probability = options.get('probability') ?? 1;
  if (typeof probability !== 'number' || !(probability >= 0 && probability <= 1)) {
    throw new InvalidOptionError('misbehaviour.probability', 'a number from 0 to 1', probability);
  }
  const count = options.get('count') ?? Infinity;
  if (typeof count !== 'number' || !(count >= 1)) {
    throw new InvalidOptionError('misbehaviour.count', 'a number of at least 1', count);
  }
  const milliseconds = options.get('milliseconds') ?? (kind === 'skewed-clock' ? 600_000 : undefined);
  const ends: readonly unknown[] = Array.isArray(milliseconds) ? milliseconds : [milliseconds, milliseconds];
  const [from, to] = ends;
  if ((kind === 'latency' || kind === 'skewed-clock') && !(isWait(from) && isWait(to) && from <= to)) {
    throw new InvalidOptionError(
      'misbehaviour.milliseconds',
      'a number up to 3600000, or [from, to]',
      milliseconds,
    );
  }
  const range: readonly [number, number] = isWait(from) && isWait(to) ? [from, to] : [0, 0];
  return { kind, operations, probability, count, milliseconds: range };
}

interface Active {
  readonly id: number;
  readonly misbehaviour: Misbehaviour;
  left: number;
}

/** What is to go wrong with one request: how long to wait first, and then what, if anything. */
export interface DrawnFault {
  readonly wait: number;
  readonly kind: Exclude<MisbehaviourKind, 'latency' | 'skewed-clock'> | undefined;
  /** Milliseconds that the clock is ahead. */
  readonly skew: number;
}

/** The misbehaviours that are switched on. */
export class Misbehaviours {
  #active: Active[] = [];
  #nextId = 1;

  /** Switches one on; returns the id to switch it off by. */
  add(misbehaviour: Misbehaviour): number {
    const id = this.#nextId++;
    this.#active.push({ id, misbehaviour, left: misbehaviour.count ?? Infinity });
    return id;
  }

  /** Switches one off, or all of them. */
  remove(id?: number): void {
    this.#active = id === undefined ? [] : this.#active.filter((one) => one.id !== id);
  }

  /** What goes wrong with this request; undefined for nothing. Latencies and skews add up; of the others the first one counts. */
  draw(operation: string): DrawnFault | undefined {
    if (this.#active.length === 0) return undefined;
    let wait = 0;
    let skew = 0;
    let kind: DrawnFault['kind'];
    for (const active of this.#active) {
      const { misbehaviour } = active;
      if (!(misbehaviour.operations ?? ['Sign']).includes(operation)) continue;
      const isOnly = misbehaviour.kind !== 'latency' && misbehaviour.kind !== 'skewed-clock';
      if (isOnly && kind !== undefined) continue;
      if (Math.random() >= (misbehaviour.probability ?? 1)) continue;
      active.left -= 1;
      if (misbehaviour.kind === 'latency') wait += drawWait(misbehaviour.milliseconds ?? 0);
      else if (misbehaviour.kind === 'skewed-clock') skew += drawWait(misbehaviour.milliseconds ?? 0);
      else kind = misbehaviour.kind;
    }
    this.#active = this.#active.filter((active) => active.left > 0);
    return wait === 0 && skew === 0 && kind === undefined ? undefined : { wait, kind, skew };
  }
}

function drawWait(milliseconds: number | readonly [number, number]): number {
  const [from, to] = typeof milliseconds === 'number' ? [milliseconds, milliseconds] : milliseconds;
  return from + Math.random() * (to - from);
}
