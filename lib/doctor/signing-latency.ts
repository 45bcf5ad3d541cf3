import type { SignatureScheme } from '../signers/signature-scheme.ts';
import type { Signer } from '../signers/signer.ts';
import { proveSigning } from '../signers/signing-proof.ts';

/** Latencies of sequential signatures, in milliseconds. */
export interface SigningLatency {
  readonly signatures: number;
  readonly scheme: SignatureScheme;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Measures sequential signatures, and verifies each. The first one opens the connection and is not counted.
 *
 * @throws as `proveSigning`.
 */
export async function signingLatency(
  signer: Signer,
  scheme: SignatureScheme,
  signatures: number,
): Promise<SigningLatency> {
  await proveSigning(signer, scheme);
  const took: number[] = [];
  for (let count = 0; count < signatures; count++) took.push(await proveSigning(signer, scheme));
  took.sort((one, other) => one - other);
  // The nearest rank, which is a measured value.
  const at = (share: number): number => round(took[Math.max(0, Math.ceil(share * took.length) - 1)] ?? 0);
  return { signatures, scheme, min: at(0), p50: at(0.5), p99: at(0.99), max: at(1) };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
