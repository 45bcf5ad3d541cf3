import { createHash, createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { DescribeKeyCommand, GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import type { Misbehaviour } from '../../lib/local-kms/start.ts';
import { createKey, defined, refusal, runningKms, send } from './running-kms.ts';
import { sendSigned } from './sigv4-by-hand.ts';
import { when } from '../fixtures/when.ts';

const message = Buffer.from('what is to be signed');

describe('local KMS: misbehaviour on demand', () => {
  const running = runningKms();
  let keyId = '';
  let arn = '';
  before(async () => ({ keyId, arn } = await createKey(running().client, 'ECC_NIST_P256')));
  afterEach(async () => {
    await running().kms.behave();
    await running().kms.resetCounters();
  });

  const sign = async (client = running().client, abortSignal?: AbortSignal): Promise<Uint8Array> => {
    const command = new SignCommand({ KeyId: keyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_256' });
    return defined((await client.send(command, abortSignal === undefined ? {} : { abortSignal })).Signature);
  };

  const verifies = async (signature: Uint8Array): Promise<boolean> => {
    const { PublicKey: spki } = await running().client.send(new GetPublicKeyCommand({ KeyId: keyId }));
    const key = createPublicKey({ key: Buffer.from(defined(spki)), format: 'der', type: 'spki' });
    return verify('sha256', message, key, signature);
  };

  /** What comes back for a Sign that goes wrong, byte for byte, and how the connection ends. */
  const rawSign = async (misbehaviour: Misbehaviour): Promise<{ text: string; end: string }> => {
    const { endpoint, credentials } = running().kms;
    const body = JSON.stringify({
      KeyId: keyId,
      Message: message.toString('base64'),
      SigningAlgorithm: 'ECDSA_SHA_256',
    });
    let head = '';
    // Once in order, to have the headers with a signature.
    await sendSigned({
      endpoint,
      credentials,
      operation: 'Sign',
      body,
      tamper: (headers) =>
        (head = Object.entries(headers)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')),
    });
    await running().kms.misbehave(misbehaviour);
    const { hostname, port } = new URL(endpoint);
    const socket = connect(Number(port), hostname);
    socket.write(`POST / HTTP/1.1\r\n${head}content-length: ${body.length}\r\n\r\n${body}`);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    const ended = new Promise<string>((resolve) => {
      socket.on('end', () => {
        resolve('end');
      });
      socket.on('error', (error) => {
        resolve('code' in error ? String(error.code) : error.message);
      });
    });
    return { end: await ended, text };
  };

  it('latency: the answer comes later', async () => {
    await running().kms.misbehave({ kind: 'latency', milliseconds: 150 });
    const start = performance.now();
    expect(await verifies(await sign())).to.equal(true);
    expect(performance.now() - start).to.be.at.least(149);
  });

  it('latency: within a range, and for requests at once at the same time', async () => {
    await running().kms.misbehave({ kind: 'latency', milliseconds: [1_000, 1_020] });
    const start = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => sign()));
    const elapsed = performance.now() - start;
    expect(elapsed).to.be.at.least(999);
    expect(elapsed).to.be.below(20 * 1_000);
    expect((await running().kms.counters())['Sign']).to.include({
      requests: 20,
      maxInFlight: 20,
      inFlight: 0,
    });
  });

  for (const [misbehaviour, expected] of [
    [{ kind: 'throttle' }, { name: 'ThrottlingException', message: 'Rate exceeded', status: 400 }],
    [
      { kind: 'internal-error' },
      { name: 'KMSInternalException', message: 'The local KMS was told to fail.', status: 500 },
    ],
    [
      { kind: 'expired-credentials' },
      {
        name: 'ExpiredTokenException',
        message: 'The security token included in the request is expired',
        status: 400,
      },
    ],
  ] as const satisfies readonly (readonly [Misbehaviour, object])[]) {
    it(`${misbehaviour.kind}: ${expected.name}`, async () => {
      await running().kms.misbehave(misbehaviour);
      expect(await refusal(sign())).to.deep.equal(expected);
      await running().kms.behave();
      expect(await verifies(await sign())).to.equal(true);
    });
  }

  it('disabled-key: DisabledException, though the key is enabled', async () => {
    await running().kms.misbehave({ kind: 'disabled-key' });
    expect(await refusal(sign())).to.deep.equal({
      name: 'DisabledException',
      message: `${arn} is disabled.`,
      status: 400,
    });
    const { KeyMetadata: metadata } = await running().client.send(new DescribeKeyCommand({ KeyId: keyId }));
    expect(metadata?.KeyState).to.equal('Enabled');
  });

  it('hang: no answer, until the client gives up', async () => {
    await running().kms.misbehave({ kind: 'hang' });
    const giveUp = new AbortController();
    const refused = refusal(sign(running().client, giveUp.signal));
    const underWay = async (): Promise<unknown> => (await running().kms.counters())['Sign']?.inFlight;
    await when('the request', underWay, (count) => count === 1);
    giveUp.abort();
    expect((await refused).name).to.equal('AbortError');
    await when('the end of the request', underWay, (count) => count === 0);
    expect((await running().kms.counters())['Sign']).to.deep.include({ requests: 1, outcomes: { hang: 1 } });
  });

  it('reset: the connection is reset within the answer', async () => {
    await running().kms.misbehave({ kind: 'reset' });
    expect((await refusal(sign())).message).to.match(/ECONNRESET|aborted|hang up/);
    await running().kms.behave();
    const { text, end } = await rawSign({ kind: 'reset' });
    // libuv tells of a reset as of the end when it comes together with the last bytes.
    expect(end).to.be.oneOf(['ECONNRESET', 'end']);
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(body.length).to.be.below(Number(/content-length: (\d+)/.exec(head)?.[1]));
  });

  it('truncate: the connection ends within the answer', async () => {
    const { text, end } = await rawSign({ kind: 'truncate' });
    expect(end).to.equal('end');
    expect(text).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    const [head = '', body = ''] = text.split('\r\n\r\n');
    const announced = Number(/content-length: (\d+)/.exec(head)?.[1]);
    expect(body.length).to.be.above(0).and.below(announced);
    expect(await refusal(sign())).to.have.property('name');
  });

  it('wrong-signature: well-formed, and over something else', async () => {
    await running().kms.misbehave({ kind: 'wrong-signature' });
    const signature = await sign();
    expect(Buffer.from(signature).toString('hex')).to.match(/^30[0-9a-f]{2}02/); // A DER Ecdsa-Sig-Value.
    expect(await verifies(signature)).to.equal(false);
  });

  it('wrong-key: by another key of the same spec', async () => {
    await running().kms.misbehave({ kind: 'wrong-key' });
    const signature = await sign();
    expect(Buffer.from(signature).toString('hex')).to.match(/^30[0-9a-f]{2}02/);
    expect(await verifies(signature)).to.equal(false);
    await running().kms.behave();
    expect(await verifies(await sign())).to.equal(true);
  });

  it('wrong-signature and wrong-key keep the length of an RSA signature', async () => {
    const { client, kms } = running();
    const rsa = await createKey(client, 'RSA_2048');
    for (const kind of ['wrong-signature', 'wrong-key'] as const) {
      const id = await kms.misbehave({ kind });
      const digest = createHash('sha256').update(message).digest();
      const { Signature: signature } = await client.send(
        new SignCommand({
          KeyId: rsa.keyId,
          Message: digest,
          MessageType: 'DIGEST',
          SigningAlgorithm: 'RSASSA_PSS_SHA_256',
        }),
      );
      expect(signature).to.have.length(256);
      await kms.behave(id);
    }
  });

  it('happens to Sign only, or to the operations it names', async () => {
    const { client, kms } = running();
    const describeKey = (): Promise<unknown> => client.send(new DescribeKeyCommand({ KeyId: keyId }));
    await kms.misbehave({ kind: 'throttle' });
    await describeKey();
    await kms.misbehave({ kind: 'throttle', operations: ['DescribeKey'] });
    expect((await refusal(describeKey())).name).to.equal('ThrottlingException');
  });

  it('ends after its count', async () => {
    await running().kms.misbehave({ kind: 'throttle', count: 2 });
    expect((await refusal(sign())).name).to.equal('ThrottlingException');
    expect((await refusal(sign())).name).to.equal('ThrottlingException');
    expect(await verifies(await sign())).to.equal(true);
    expect((await running().kms.counters())['Sign']?.outcomes).to.deep.equal({
      ThrottlingException: 2,
      ok: 1,
    });
  });

  it("is what the SDK's own retries get over", async () => {
    const client = new KMSClient({ ...running().kms.clientOptions, maxAttempts: 3 });
    await running().kms.misbehave({ kind: 'internal-error', count: 1 });
    expect(await verifies(await sign(client))).to.equal(true);
    client.destroy();
    expect((await running().kms.counters())['Sign']?.outcomes).to.deep.equal({
      KMSInternalException: 1,
      ok: 1,
    });
  });

  it('happens with its probability', async () => {
    await running().kms.misbehave({ kind: 'throttle', probability: 0.5 });
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => sign()));
    const refused = results.filter((result) => result.status === 'rejected').length;
    expect(refused).to.be.within(10, 90); // By chance once in 10^16 runs.
    await running().kms.behave();
    await running().kms.misbehave({ kind: 'throttle', probability: 0 });
    await sign();
  });

  it('is refused where it makes no sense, before anything is sent', async () => {
    for (const [misbehaviour, option] of [
      [{ kind: 'explode' }, 'misbehaviour.kind'],
      [{ kind: 'latency' }, 'misbehaviour.milliseconds'],
      [{ kind: 'latency', milliseconds: [5, 1] }, 'misbehaviour.milliseconds'],
      [{ kind: 'throttle', probability: 2 }, 'misbehaviour.probability'],
      [{ kind: 'throttle', count: 0 }, 'misbehaviour.count'],
    ] as const) {
      const refused = await refusal(running().kms.misbehave(misbehaviour as unknown as Misbehaviour));
      expect(refused.name).to.equal('InvalidOptionError');
      expect(refused.message).to.match(new RegExp(`^${option.replace('.', '\\.')}: expected`));
    }
  });

  it('needs the token of the process that started it', async () => {
    const { endpoint } = running().kms;
    const body = JSON.stringify({ action: 'misbehave', misbehaviour: { kind: 'throttle' } });
    for (const headers of [{}, { authorization: 'Bearer ' }, { authorization: 'Bearer guess' }]) {
      expect((await send(endpoint, { path: '/_control', headers, body })).status).to.equal(401);
    }
    expect(await verifies(await sign())).to.equal(true);
  });

  it('counts what it was asked, and by how many at once', async () => {
    const { kms } = running();
    await kms.misbehave({ kind: 'latency', milliseconds: 50 });
    await Promise.all([sign(), sign(), sign()]);
    await refusal(running().client.send(new DescribeKeyCommand({ KeyId: 'no-such-key' })));
    const socket = connect(Number(new URL(kms.endpoint).port), '127.0.0.1');
    socket.end(
      'POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: TrentService.Nonsense\r\ncontent-length: 0\r\n\r\n',
    );
    await once(socket.resume(), 'close');
    expect(await kms.counters()).to.deep.include({
      Sign: { requests: 3, outcomes: { ok: 3 }, inFlight: 0, maxInFlight: 3 },
      DescribeKey: { requests: 1, outcomes: { NotFoundException: 1 }, inFlight: 0, maxInFlight: 1 },
      unknown: { requests: 1, outcomes: { UnknownOperationException: 1 }, inFlight: 0, maxInFlight: 1 },
    });
    await kms.resetCounters();
    expect((await kms.counters())['Sign']).to.deep.equal({
      requests: 0,
      outcomes: {},
      inFlight: 0,
      maxInFlight: 0,
    });
  });
});
