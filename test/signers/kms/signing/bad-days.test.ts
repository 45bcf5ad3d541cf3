import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { AsyncLocalStorage } from 'node:async_hooks';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { KmsError } from '../../../../lib/signers/kms/client/kms-error.ts';
import type { KmsAttemptMessage } from '../../../../lib/observe/channels/handshake-messages.ts';
import { when } from '../../../fixtures/when.ts';
import { rejectionOf } from '../../rejection.ts';
import { asked, signingKey } from './signing-key.ts';
import { TcpPassage } from './tcp-passage.ts';

describe('Fast signing, on the bad days of a KMS', () => {
  const { kms, open, signs, signRequests, underWay } = signingKey();
  const passages: TcpPassage[] = [];
  const attempts: KmsAttemptMessage[] = [];
  const note = (message: unknown): void => {
    attempts.push(message as KmsAttemptMessage);
  };

  async function passage(): Promise<TcpPassage> {
    const one = await TcpPassage.open(kms().endpoint);
    passages.push(one);
    return one;
  }

  beforeEach(() => {
    attempts.length = 0;
    subscribe('s2n-pkey:kms:attempt', note);
  });
  afterEach(() => {
    unsubscribe('s2n-pkey:kms:attempt', note);
    for (const one of passages.splice(0)) one.close();
  });

  const outcomes = (): string[] => attempts.map(({ outcome }) => outcome);

  describe('credentials', () => {
    it('that KMS reports as expired are renewed once, and not sent again if they are unchanged', async () => {
      const { credentials } = kms();
      const asks: (object | undefined)[] = [];
      const signer = await open({
        credentials: (options?: object) => {
          asks.push(options);
          return Promise.resolve({ ...credentials, expiration: new Date(Date.now() + 3_600_000) });
        },
      });
      asks.length = 0;
      await kms().misbehave({ kind: 'expired-credentials', count: 1 });
      const error = await rejectionOf(signer.sign(asked));
      expect(error).to.include({
        code: 'ERR_S2N_PKEY_KMS_CREDENTIALS',
        kmsErrorName: 'ExpiredTokenException',
      });
      expect(await signRequests()).to.equal(1);
      expect(asks.filter((options) => options !== undefined && 'forceRefresh' in options)).to.have.lengthOf(
        1,
      );
      await signs(signer);
    });

    it('that cannot be loaded fail the signature with the reason', async () => {
      const { credentials } = kms();
      let isThere = true;
      const client = new KMSClient({
        ...kms().clientOptions,
        credentials: () =>
          isThere
            ? Promise.resolve({ ...credentials, expiration: new Date(Date.now() + 1_000) })
            : Promise.reject(
                Object.assign(new Error('no role any more'), { name: 'CredentialsProviderError' }),
              ),
      });
      const signer = await open({ client, requests: 'fast' });
      isThere = false;
      const error = await rejectionOf(signer.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_CREDENTIALS' });
      expect(error).to.have.property('message').that.includes('no role any more');
      client.destroy();
    });
  });

  it("a clock that differs from KMS's is set by its answer, once for all", async () => {
    const signer = await open();
    await kms().misbehave({ kind: 'skewed-clock', operations: ['Sign'] });
    await signs(signer);
    expect(outcomes()).to.deep.equal(['InvalidSignatureException', 'ok']);
    await signs(signer, 3);
    expect(outcomes().slice(2)).to.deep.equal(['ok', 'ok', 'ok']);
    await kms().behave();
    await signs(signer);
    expect(outcomes().slice(5)).to.deep.equal(['InvalidSignatureException', 'ok']);
  });

  it('idle connections that KMS has closed are noticed', async () => {
    const between = await passage();
    const signer = await open({ endpoint: between.endpoint });
    await signs(signer, 5);
    await between.endAll();
    await signs(signer, 5);
    expect(outcomes()).to.deep.equal(Array(10).fill('ok'));
  });

  it('an idle connection that is reset as it is used costs no signature: the request is sent again', async () => {
    const between = await passage();
    const signer = await open({ endpoint: between.endpoint });
    await signs(signer);
    const signed = signs(signer); // It is written now, and the other end is gone before it has looked.
    between.resetAll();
    await signed;
    expect(outcomes().filter((outcome) => outcome !== 'ECONNRESET')).to.deep.equal(['ok', 'ok']);
  });

  it('many requests survive that all connections are reset', async () => {
    const between = await passage();
    const signer = await open({ endpoint: between.endpoint });
    await kms().misbehave({ kind: 'hang', count: 20 });
    const signed = signs(signer, 20);
    await underWay(20);
    between.resetAll();
    await signed;
    expect(outcomes()).to.have.members([
      ...Array<string>(20).fill('ECONNRESET'),
      ...Array<string>(20).fill('ok'),
    ]);
  });

  for (const kind of ['reset', 'truncate', 'internal-error', 'throttle'] as const) {
    it(`${kind}: another attempt makes the signature`, async () => {
      const signer = await open();
      await kms().misbehave({ kind, count: 2 });
      await signs(signer);
      expect(attempts.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
      expect(outcomes()[2]).to.equal('ok');
      expect(attempts.map(({ throttled }) => throttled)).to.deep.equal([
        kind === 'throttle',
        kind === 'throttle',
        false,
      ]);
    });
  }

  it('a body that is not of KMS: the AWS SDK is asked in its place, and says the same', async () => {
    const signer = await open();
    await kms().misbehave({ kind: 'wrong-body', count: 1 });
    await signs(signer);
    expect(await signRequests()).to.equal(2);
    await kms().misbehave({ kind: 'wrong-body' });
    const error = await rejectionOf(signer.sign(asked));
    expect(error).to.be.instanceOf(KmsError).and.include({ code: 'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER' });
  });

  it('retries are a share of the requests: a KMS that fails all is not asked three times as much', async () => {
    const signer = await open();
    await kms().misbehave({ kind: 'throttle' });
    const count = 300;
    const errors = await Promise.all(Array.from({ length: count }, () => rejectionOf(signer.sign(asked))));
    for (const error of errors) expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_THROTTLED' });
    // A fifth, and fifty that it begins with; and one for each second, of which there are few.
    expect(await signRequests())
      .to.be.at.least(count + 50)
      .and.at.most(count + count / 5 + 50 + 30);
  });

  describe('the deadline', () => {
    it('ends a signature that is not answered, and its request', async () => {
      const signer = await open({ signatureTimeout: 200 });
      await kms().misbehave({ kind: 'hang' });
      const error = await rejectionOf(signer.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_TIMEOUT', keyId: signer.keyArn });
      expect(error).to.have.property('message').that.includes('no signature within 200 ms (requests: 2)');
      await underWay(0);
    });

    it('is one for all attempts, whatever they fail of', async () => {
      const signer = await open({ signatureTimeout: 2_000 });
      await kms().misbehave({ kind: 'internal-error', count: 1 });
      await kms().misbehave({ kind: 'hang' });
      const begun = performance.now();
      const error = await rejectionOf(signer.sign(asked));
      expect(performance.now() - begun).to.be.at.least(1_999);
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_TIMEOUT' });
      expect(error).to.have.nested.property('cause.cause').that.is.instanceOf(Error);
    });

    it('leaves time for another attempt on another connection', async () => {
      const signer = await open({ signatureTimeout: 2_000 });
      await kms().misbehave({ kind: 'hang', count: 1 });
      await signs(signer);
      expect(outcomes()).to.deep.equal(['TimeoutError', 'ok']);
    });

    it('holds by way of the SDK, too', async () => {
      const signer = await open({ signatureTimeout: 200, requests: 'sdk' });
      await kms().misbehave({ kind: 'hang' });
      expect(await rejectionOf(signer.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_KMS_TIMEOUT' });
    });
  });

  describe('a client that has gone', () => {
    it('cancels a request that was not sent', async () => {
      const between = await passage();
      const signer = await open({ endpoint: between.endpoint });
      await signs(signer);
      await between.endAll();
      const abort = new AbortController();
      const signed = rejectionOf(signer.sign(asked, { signal: abort.signal })); // Its connection is not open yet.
      abort.abort();
      expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
      await signs(signer);
      expect(await signRequests()).to.equal(2);
    });
  });

  describe('hedging', () => {
    it('sends a second request for a signature that takes long, and uses the first answer', async () => {
      const signer = await open({ hedging: { percentile: 0.9, share: 0.5 } });
      for (let i = 0; i < 60; i += 1) await signs(signer);
      await underWay(0); // A slow one may have been sent twice, too: its other answer is drained.
      attempts.length = 0;
      await kms().misbehave({ kind: 'hang', count: 1 });
      await signs(signer);
      const answered = attempts.filter(
        ({ hedge, attempt, outcome }) => hedge && attempt === 2 && outcome === 'ok',
      );
      expect(answered, JSON.stringify(attempts)).to.have.lengthOf(1);
    });

    it('is off unless asked for', async () => {
      const signer = await open({ signatureTimeout: 4_000 });
      for (let i = 0; i < 60; i += 1) await signs(signer);
      await kms().misbehave({ kind: 'hang', count: 1 });
      await signs(signer);
      expect(attempts.some(({ hedge }) => hedge)).to.equal(false);
    });

    it('is a share of the signatures at most', async () => {
      const signer = await open({ hedging: { percentile: 0.5, share: 0 } });
      await signs(signer, 50); // So many make a percentile; and there are connections for all that follow.
      await kms().resetCounters();
      await kms().misbehave({ kind: 'hang' });
      const signed = Promise.all(Array.from({ length: 40 }, () => rejectionOf(signer.sign(asked))));
      // The ten that it begins with are all there ever are without a share.
      await underWay(50);
      signer.close();
      await signed;
      await underWay(0);
      expect(await signRequests()).to.equal(50);
    });
  });

  it('close() ends signatures in progress and the connections', async () => {
    const between = await passage();
    const signer = await open({ endpoint: between.endpoint });
    await kms().misbehave({ kind: 'hang' });
    const signed = Promise.all(Array.from({ length: 5 }, () => rejectionOf(signer.sign(asked))));
    await underWay(5);
    signer.close();
    for (const error of await signed) expect(error).to.include({ code: 'ERR_S2N_PKEY_SIGNER_CLOSED' });
    await when(
      'no connection',
      () => between.open,
      (count) => count === 0,
    );
  });

  it('every attempt is published in the asynchronous context of sign(), with the request id of KMS', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: [store: string | undefined, attempt: KmsAttemptMessage][] = [];
    const look = (message: unknown): void => {
      seen.push([context.getStore(), message as KmsAttemptMessage]);
    };
    subscribe('s2n-pkey:kms:attempt', look);
    try {
      const signer = await open();
      await context.run('first', () => signs(signer));
      await kms().misbehave({ kind: 'throttle', count: 1 });
      await context.run('second', () => signs(signer));
    } finally {
      unsubscribe('s2n-pkey:kms:attempt', look);
    }
    expect(seen.map(([store]) => store)).to.deep.equal(['first', 'second', 'second']);
    for (const [, attempt] of seen) {
      expect(attempt).to.include({ operation: 'Sign' });
      expect(attempt.requestId).to.match(/^[0-9a-f-]{36}$/);
      expect(attempt.durationMs).to.be.at.least(attempt.queuedMs ?? Infinity);
    }
    expect(seen.map(([, { statusCode }]) => statusCode)).to.deep.equal([200, 400, 200]);
  });
});
