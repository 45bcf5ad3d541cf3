import { describeValue, SignerError } from '../../errors.ts';
import type { SignatureScheme } from '../signature-scheme.ts';
import type { PrivateKeyOperation, Signer } from '../signer.ts';
import { askFor, rejectionFrom, schemesOf, settled, signatureFrom, type Asked } from './asked.ts';
import { closeSigner, type Check } from './check.ts';
import { ConformanceError } from './conformance-error.ts';
import { explainSignature } from './verification.ts';

export const failureChecks: readonly Check[] = [
  {
    name: 'rejects what it cannot sign with a SignerError, and signs the next',
    run: async (signer, { patience }) => {
      const asked = firstOf(signer);
      const { operation } = asked;
      const refused: readonly (readonly [string, PrivateKeyOperation])[] = [
        ['a scheme that there is not', { ...operation, scheme: 'rsa_pkcs1_md5' as SignatureScheme }],
        ['a scheme that is not among its schemes', { ...operation, scheme: schemeOfAnotherKey(signer) }],
        ['an input that is too short', { ...operation, input: operation.input.subarray(1) }],
        ['an input that is not hashed', { ...operation, input: asked.message }],
        [
          'another kind of input',
          { ...operation, inputKind: operation.inputKind === 'mu' ? 'digest' : 'mu' },
        ],
      ];
      for (const [what, wrong] of refused) {
        expectSignerError(what, await rejectionFrom(signer, what, patience, wrong));
      }
      explainSignature(asked, signer.publicKey, await signatureFrom(signer, asked, patience));
    },
  },
  {
    name: 'rejects with a SignerError when its signal is aborted before it is asked',
    run: async (signer, { patience }) => {
      const { operation } = firstOf(signer);
      const signal = AbortSignal.abort(new Error('the peer left'));
      const what = 'a signal that is aborted';
      expectSignerError(what, await rejectionFrom(signer, what, patience, operation, { signal }));
    },
  },
  {
    name: 'settles when its signal is aborted meanwhile, leaves no listener on it, and signs the next',
    run: async (signer, { patience }) => {
      const asked = firstOf(signer);
      const controller = new AbortController();
      const listeners = countListeners(controller.signal);
      const signed = settled(patience, 'a signal aborted meanwhile', () =>
        signer.sign(asked.operation, { signal: controller.signal }),
      );
      controller.abort(new Error('the peer left'));
      try {
        explainSignature(asked, signer.publicKey, await signed); // It may have been done.
      } catch (error) {
        if (error instanceof ConformanceError) throw error;
        expectSignerError('a signal aborted meanwhile', error);
      }
      const quiet = new AbortController();
      const onQuiet = countListeners(quiet.signal);
      const next = firstOf(signer);
      const signature = await settled(patience, 'the next', () =>
        signer.sign(next.operation, { signal: quiet.signal }),
      );
      explainSignature(next, signer.publicKey, signature);
      if (listeners() > 0 || onQuiet() > 0) {
        throw new ConformanceError(
          'sign must remove its listener from the signal when it is done: signals may outlive signatures',
        );
      }
    },
  },
  {
    name: 'signs no more once it is closed, where it has a close(): a SignerError, at once; closing twice is closing once',
    run: async (signer, { patience }) => {
      const { operation } = firstOf(signer);
      if (!(await closeSigner(signer))) return; // Signers need none.
      await closeSigner(signer);
      const what = 'a signer that is closed';
      const error = expectSignerError(what, await rejectionFrom(signer, what, patience, operation));
      if (error.code !== 'ERR_S2N_PKEY_SIGNER_CLOSED') {
        throw new ConformanceError(
          `${what}: the error's code must be ERR_S2N_PKEY_SIGNER_CLOSED; it is ${error.code}`,
          { cause: error },
        );
      }
    },
  },
];

function firstOf(signer: Signer): Asked {
  const [facts] = schemesOf(signer);
  if (facts === undefined) throw new ConformanceError('schemes is empty');
  return askFor(facts, signer.publicKey);
}

function schemeOfAnotherKey({ publicKey }: Signer): SignatureScheme {
  return publicKey.asymmetricKeyType === 'rsa' ? 'ecdsa_secp256r1_sha256' : 'rsa_pkcs1_sha256';
}

function expectSignerError(what: string, error: unknown): SignerError {
  if (error instanceof SignerError) return error;
  throw new ConformanceError(
    `${what}: sign must reject with a SignerError (of s2n-pkey); it rejected with ${describeValue(error)}` +
      (error instanceof Error ? `: ${error.message}` : ''),
    { cause: error },
  );
}

/** Counts 'abort' listeners; those that are removed by being called once are not there any more. */
function countListeners(signal: AbortSignal): () => number {
  const kept = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>): void => {
    kept.add(args[1]);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
    kept.delete(args[1]);
    remove(...args);
  };
  return () => (signal.aborted ? 0 : kept.size);
}
