/**
 * What every `Signer` must do, as a list of checks that any test runner can run. It makes about a hundred signatures.
 *
 * @module s2n-pkey/signer-conformance
 */
import { callback, required, text, wholeNumber } from '../../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../../options/option.ts';
import type { Signer } from '../signer.ts';
import { closeSigner } from './check.ts';
import { handshakeChecks } from './handshake-checks.ts';
import { failureChecks } from './failure-checks.ts';
import { shapeChecks } from './shape-checks.ts';
import { signatureChecks } from './signature-checks.ts';

export { ConformanceError } from './conformance-error.ts';

export interface SignerConformanceOptions {
  /** A signer to check; called once for each check. One with a `close` is closed after it. */
  readonly open: () => Signer | Promise<Signer>;
  /**
   * PEM chain for the signer's key, the leaf first, for the handshakes. Unless given, an authority that is made for the purpose
   * issues one.
   */
  readonly certificate?: string;
  /** How many signatures are asked for at once; 64 unless given. */
  readonly concurrency?: number;
  /** Milliseconds until a signature that does not come counts as one that never will; 10,000 unless given. */
  readonly patience?: number;
}

export const signerConformanceSchema = {
  open: required(callback<SignerConformanceOptions['open']>('a function that gives a Signer')),
  certificate: text({ expected: 'a PEM certificate chain' }),
  concurrency: wholeNumber({ least: 1, fallback: 64 }),
  patience: wholeNumber({ least: 1, fallback: 10_000, of: 'milliseconds' }),
} satisfies SchemaOf<SignerConformanceOptions>;

/** One promise of a signer's. */
export interface ConformanceCheck {
  /** What is promised, as in "signs each scheme so that node:crypto verifies it". */
  readonly name: string;
  /** Rejects with a ConformanceError that says what the signer did, and what to do about it. */
  readonly run: () => Promise<void>;
}

/**
 * The checks for one signer: `for (const { name, run } of signerConformance({ open })) test(name, run)`.
 *
 * @throws InvalidOptionError
 */
export function signerConformance(options: SignerConformanceOptions): ConformanceCheck[] {
  const { open, certificate, concurrency, patience } = readOptionsObject(
    signerConformanceSchema,
    options,
    'an object such as { open }',
  );
  const checked = { concurrency, patience, certificate };
  return [...shapeChecks, ...signatureChecks, ...failureChecks, ...handshakeChecks].map(({ name, run }) => ({
    name,
    run: async () => {
      const signer = await open();
      try {
        await run(signer, checked);
      } finally {
        await closeSigner(signer);
      }
    },
  }));
}
