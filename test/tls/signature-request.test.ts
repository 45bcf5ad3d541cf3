import { expect } from 'chai';
import { cancellationOf } from '../../lib/signers/cancellation.ts';
import type { Signer, SignOptions } from '../../lib/signers/signer.ts';
import { LocalKeySigner } from '../../lib/index.ts';
import { SignatureRequest } from '../../lib/tls/handshake/signature-request.ts';
import { identity } from '../fixtures/identity.ts';

const { publicKey, schemes } = new LocalKeySigner({ key: identity('P-256').key });

/** A request to a signer that never answers, with the options that the signer was given. */
function asked(): { request: SignatureRequest; options: SignOptions } {
  let given: SignOptions | undefined;
  const signer: Signer = {
    publicKey,
    schemes,
    sign: (_operation, options) => {
      given = options;
      return new Promise(() => undefined);
    },
  };
  const facts = { schemeCode: 0x0403, input: new Uint8Array(32), transcriptHash: new Uint8Array(32) };
  const request = new SignatureRequest(signer, facts, 'server', undefined);
  void request.run();
  if (!given) throw new Error('the signer was not asked');
  return { request, options: given };
}

describe('A signature that is aborted', () => {
  const gone = new Error('the peer left');

  it('aborts the signal of a signer that took it, with the reason', () => {
    const { request, options } = asked();
    const { signal } = options;
    expect(signal).to.be.instanceOf(AbortSignal).that.includes({ aborted: false });
    request.abort(gone);
    expect(signal).to.include({ aborted: true, reason: gone });
  });

  it('shows a signer that looks later a signal that is aborted', () => {
    const { request, options } = asked();
    request.abort(gone);
    expect(options.signal).to.include({ aborted: true, reason: gone });
  });

  it('notifies signers of this package without creating an AbortSignal', () => {
    const { request, options } = asked();
    const cancellation = cancellationOf(options);
    expect(cancellation).not.to.be.instanceOf(AbortSignal);
    const told: unknown[] = [];
    const listener = (): void => void told.push(cancellation?.reason);
    const removed = (): void => void told.push('removed');
    cancellation?.addEventListener('abort', listener);
    cancellation?.addEventListener('abort', removed);
    cancellation?.removeEventListener('abort', removed);
    expect(cancellation?.aborted).to.equal(false);
    request.abort(gone);
    expect(cancellation?.aborted).to.equal(true);
    expect(told).to.deep.equal([gone]);
  });

  it('is what the signal says that a signer put in its place, before it asked another', () => {
    const { options } = asked();
    const own = AbortSignal.abort();
    expect(cancellationOf({ ...options, signal: own })).to.equal(own);
    expect(cancellationOf({ ...options })).to.be.instanceOf(AbortSignal);
  });
});
