import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { WorkerRequests } from '../../../../lib/signers/kms/signing/worker/worker-requests.ts';
import type { KmsAttemptMessage } from '../../../../lib/observe/channels/handshake-messages.ts';
import { next } from '../../../fixtures/peers.ts';
import { rejectionOf } from '../../rejection.ts';
import { asked, signingKey } from './signing-key.ts';

/** A thread that counts the requests that it has in the first place of an array, refuses the first and answers the others. */
const countingService = `
const { createServer } = require('node:http');
const { parentPort, workerData: counted } = require('node:worker_threads');
createServer((request, response) => {
  request.resume().on('end', () => {
    const isFirst = Atomics.add(counted, 0, 1) === 0;
    if (isFirst) response.writeHead(400).end('{"__type":"ThrottlingException"}');
    else response.end('{"KeyId":"a key","Signature":"AQID"}');
    Atomics.notify(counted, 0);
  });
}).listen(0, '127.0.0.1', function () {
  parentPort.postMessage(this.address().port);
});`;

describe("KmsSigner, thread: 'worker'", () => {
  const { kms, arn, open, signs, signRequests, underWay } = signingKey();
  const client = {};

  it('signs, by way of the SDK too', async () => {
    await signs(await open({ thread: 'worker' }), 20);
    const signer = await open({ thread: 'worker', requests: 'sdk' });
    expect(signer.sdkReason).to.include('requests');
    await signs(signer, 3);
  });

  it('asks a provider of credentials in its own thread', async () => {
    let asks = 0;
    const { credentials } = kms();
    const signer = await open({
      thread: 'worker',
      credentials: () => {
        asks += 1;
        return Promise.resolve(credentials);
      },
    });
    await signs(signer);
    expect(asks).to.be.greaterThan(0);
  });

  for (const [how, given] of [
    ['objects', (credentials: object) => credentials],
    ['a provider', (credentials: object) => () => Promise.resolve(credentials)],
  ] as const) {
    it(`takes credentials as ${how} that hold a function`, async () => {
      const credentials = { ...kms().credentials, refresh: () => undefined };
      await signs(await open({ thread: 'worker', credentials: given(credentials) as never }));
    });

    it(`fails as in the main thread with credentials as ${how} without a secret`, async () => {
      const credentials = { accessKeyId: kms().credentials.accessKeyId };
      const error = await rejectionOf(open({ thread: 'worker', credentials: given(credentials) as never }));
      expect(error).to.include({ name: 'KmsError' });
    });
  }

  for (const [kind, code] of [
    ['disabled-key', 'ERR_S2N_PKEY_KMS_KEY_DISABLED'],
    ['throttle', 'ERR_S2N_PKEY_KMS_THROTTLED'],
    ['reset', 'ERR_S2N_PKEY_KMS_UNREACHABLE'],
    ['hang', 'ERR_S2N_PKEY_KMS_TIMEOUT'],
    ['wrong-body', 'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER'],
  ] as const) {
    it(`fails as in the main thread. ${kind}: ${code}`, async () => {
      const signer = await open({ thread: 'worker', signatureTimeout: 1_000 });
      await kms().misbehave({ kind });
      const error = await rejectionOf(signer.sign(asked));
      expect(error).to.include({ code, keyId: signer.keyArn });
      if (kind === 'disabled-key') {
        expect(error).to.include({ kmsErrorName: 'DisabledException' });
        expect(error)
          .to.have.property('requestId')
          .that.matches(/^[0-9a-f-]{36}$/);
      }
    });
  }

  it('retries a request while the event loop is blocked', async () => {
    const counted = new Int32Array(new SharedArrayBuffer(4));
    const service = new Worker(countingService, { eval: true, workerData: counted });
    const port = await next<number>(service, 'message');
    const endpoint = `http://127.0.0.1:${port}`;
    const { requests } = await WorkerRequests.open(
      {
        ...{ keyArn: arn(), region: 'us-east-1', endpoint, fast: true, credentials: kms().credentials },
        limits: { timeout: 20_000, hedging: false },
      },
      undefined,
    );
    const attempts: KmsAttemptMessage[] = [];
    const note = (message: unknown): void => void attempts.push(message as KmsAttemptMessage);
    subscribe('s2n-pkey:kms:attempt', note);
    try {
      const ask = { algorithm: 'ECDSA_SHA_256', messageType: 'DIGEST', message: asked.input } as const;
      const signed = requests.sign(ask, undefined);
      await new Promise((resolve) => setImmediate(resolve)); // It has crossed to the other thread.
      const seen = [Atomics.wait(counted, 0, 0, 20_000), Atomics.wait(counted, 0, 1, 20_000)];
      // Both requests have come, the second after the first was answered, before the event loop moved again.
      expect(seen).not.to.include('timed-out');
      expect(Atomics.load(counted, 0)).to.equal(2);
      await signed;
      expect(attempts.map(({ outcome }) => outcome)).to.deep.equal(['ThrottlingException', 'ok']);
    } finally {
      unsubscribe('s2n-pkey:kms:attempt', note);
      requests.close();
      await service.terminate();
    }
  });

  it('cancels an aborted signature, before and after it reaches the thread', async () => {
    const signer = await open({ thread: 'worker' });
    await signs(signer);
    const before = new AbortController();
    const early = rejectionOf(signer.sign(asked, { signal: before.signal }));
    before.abort();
    expect(await early).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
    expect(await signRequests()).to.equal(1);
    await kms().misbehave({ kind: 'hang' });
    const after = new AbortController();
    const late = rejectionOf(signer.sign(asked, { signal: after.signal }));
    await underWay(1);
    after.abort();
    expect(await late).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
    await underWay(0);
  });

  it('close() ends signatures in progress', async () => {
    const signer = await open({ thread: 'worker' });
    await kms().misbehave({ kind: 'hang' });
    const signed = rejectionOf(signer.sign(asked));
    await underWay(1);
    signer.close();
    expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGNER_CLOSED' });
    await underWay(0);
  });

  it('if the thread ends, its signatures fail with a code, and another thread replaces it', async () => {
    const { endpoint, region, credentials } = kms();
    const setup = { keyArn: arn(), region, endpoint, credentials, fast: true } as const;
    const limits = { timeout: 5_000, hedging: false } as const;
    const workers: Worker[] = [];
    let now = 0;
    const { requests } = await WorkerRequests.open(
      { ...setup, limits },
      undefined,
      (worker) => workers.push(worker),
      () => now,
    );
    const ask = { algorithm: 'ECDSA_SHA_256', messageType: 'DIGEST', message: asked.input } as const;
    now = 1_001; // A thread that ends at once is not replaced at once.
    await kms().misbehave({ kind: 'hang', count: 1 });
    const signed = rejectionOf(requests.sign(ask, undefined));
    await underWay(1);
    await workers[0]?.terminate();
    expect(await signed).to.include({ code: 'ERR_S2N_PKEY_KMS_THREAD', keyId: arn() });
    expect(await requests.sign(ask, undefined)).to.include({ keyArn: arn() });
    expect(workers).to.have.lengthOf(2);
    await workers[1]?.terminate();
    expect(await rejectionOf(requests.sign(ask, undefined))).to.include({ code: 'ERR_S2N_PKEY_KMS_THREAD' });
    requests.close();
  });

  it('is refused where it cannot be, by name', async () => {
    for (const options of [
      { thread: 'other' },
      { thread: 'worker', client: { ...client, send: () => undefined } },
    ]) {
      const error = await rejectionOf(open(options as object));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'thread' });
    }
  });
});
