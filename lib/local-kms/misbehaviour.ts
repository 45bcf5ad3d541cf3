import { choice, fraction, group, list, required, requiredText } from '../options/kinds.ts';
import { readOption, refusal, type Option, type Schema } from '../options/option.ts';

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

/** Read as a range. */
const waitOption: Option<readonly [number, number] | undefined> = {
  ...{ type: 'number | number[]', expected: 'a number up to 3600000, or [from, to]', isSecret: false },
  fits(value) {
    const [from, to] = endsOf(value);
    return isWait(from) && isWait(to) && from <= to;
  },
  read: (_name, value) => endsOf(value).map(Number) as [number, number],
};

function endsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value, value];
}

export const misbehaviourSchema = {
  kind: {
    ...required(choice(misbehaviourKinds)),
    expected: `one of ${misbehaviourKinds.join(', ')}`,
  },
  operations: {
    ...list(
      requiredText({ expected: 'the name of an operation', isSecret: false }),
      'an array of operation names',
    ),
    fallback: ['Sign'],
  } as Option<readonly string[]>,
  probability: fraction({ least: 0, most: 1, fallback: 1 }),
  count: fraction({ least: 1, fallback: Infinity }),
  milliseconds: waitOption,
} satisfies Schema;

const misbehaviourOption = required(group(misbehaviourSchema, 'an object such as { kind: "throttle" }'));

/** Checks what a caller gave. Throws `InvalidOptionError`. */
export function checkMisbehaviour(given: unknown): Misbehaviour {
  const read = readOption('misbehaviour', misbehaviourOption, given);
  const { milliseconds = read.kind === 'skewed-clock' ? ([600_000, 600_000] as const) : undefined } = read;
  if (read.kind === 'latency' && milliseconds === undefined) {
    throw refusal('misbehaviour.milliseconds', waitOption, milliseconds);
  }
  return { ...read, milliseconds: milliseconds ?? [0, 0] };
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
