// What a KMS does on its bad days, each for an equal part of the run. Misbehaviours are those of the local KMS.
import { misbehaviourKinds } from '../../dist/lib/local-kms/misbehaviour.js';

/** What takes longest to be over comes first. `kill`: the KMS is killed (SIGKILL), and started again after half of the time. */
const days = [
  { name: 'half-open connections', misbehaviours: [{ kind: 'hang', probability: 0.5 }] },
  { name: 'latency 0 to 2 s', misbehaviours: [{ kind: 'latency', milliseconds: [0, 2000] }] },
  { name: 'throttling, 10 %', misbehaviours: [{ kind: 'throttle', probability: 0.1 }] },
  { name: 'throttling, 90 %', misbehaviours: [{ kind: 'throttle', probability: 0.9 }] },
  { name: 'internal errors (500)', misbehaviours: [{ kind: 'internal-error', probability: 0.6 }] },
  { name: 'resets in the answer', misbehaviours: [{ kind: 'reset', probability: 0.6 }] },
  { name: 'truncated answers', misbehaviours: [{ kind: 'truncate', probability: 0.6 }] },
  { name: 'wrong bodies', misbehaviours: [{ kind: 'wrong-body', probability: 0.6 }] },
  { name: 'wrong signatures', misbehaviours: [{ kind: 'wrong-signature', probability: 0.6 }] },
  { name: 'another key', misbehaviours: [{ kind: 'wrong-key', probability: 0.6 }] },
  { name: 'expired credentials', misbehaviours: [{ kind: 'expired-credentials', probability: 0.6 }] },
  { name: 'a skewed clock', misbehaviours: [{ kind: 'skewed-clock' }] },
  { name: 'kill -9, and restart', misbehaviours: [], kill: true },
  {
    name: 'all at once',
    misbehaviours: [
      { kind: 'latency', milliseconds: [0, 500] },
      ...[
        'throttle',
        'internal-error',
        'hang',
        'reset',
        'truncate',
        'wrong-body',
        'wrong-signature',
        'wrong-key',
        'expired-credentials',
      ].map((kind) => ({ kind, probability: 0.08 })),
    ],
  },
  { name: 'a disabled key', misbehaviours: [{ kind: 'disabled-key' }] },
  { name: 'fair', misbehaviours: [] },
];

/** The days that this local KMS can have. */
export const weather = days
  .map((day) => ({
    ...day,
    misbehaviours: day.misbehaviours.filter(({ kind }) => misbehaviourKinds.includes(kind)),
  }))
  .filter(({ name, misbehaviours, kill }) => kill || name === 'fair' || misbehaviours.length > 0);
