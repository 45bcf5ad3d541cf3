import { createHash } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import {
  CancelKeyDeletionCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { CircuitBreaker } from '../../../lib/signers/admission/circuit-breaker.ts';
import {
  CircuitOpenError,
  createSelfSignedCertificate,
  createServer,
  InvalidOptionError,
  KmsError,
  KmsSigner,
  SignerError,
  type KmsSignerOptions,
} from '../../../lib/index.ts';
import { close, connectTls, listen, next } from '../../fixtures/peers.ts';
import { when } from '../../fixtures/when.ts';
import { withoutAwsConfiguration } from '../kms/aws-environment.ts';
import { createKey, runningKms } from '../../local-kms/running-kms.ts';
import { rejectionOf } from '../rejection.ts';

const denied = new SignerError('denied', { code: 'ERR_S2N_PKEY_KMS_ACCESS_DENIED' });
const throttled = new SignerError('throttled', { code: 'ERR_S2N_PKEY_KMS_THROTTLED' });
const operation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update('a handshake').digest(),
  inputKind: 'digest',
} as const;

/** Counts how often it is asked, and does what it is told. */
class Service {
  asked = 0;
  answer: () => Promise<string> = () => Promise.resolve('signed');
  readonly ask = (): Promise<string> => {
    this.asked++;
    return this.answer();
  };
}

describe('CircuitBreaker', () => {
  it('opens at the first failure that lasts, and refuses without asking', async () => {
    const breaker = new CircuitBreaker();
    const service = new Service();
    service.answer = () => Promise.reject(denied);
    expect(await rejectionOf(breaker.run(service.ask))).to.equal(denied);
    const refused = await rejectionOf(breaker.run(service.ask));
    expect(refused).to.be.instanceOf(CircuitOpenError).and.include({
      code: 'ERR_S2N_PKEY_SIGNER_CIRCUIT_OPEN',
      cause: denied,
    });
    expect((refused as CircuitOpenError).retryAfter).to.be.within(1, 1000);
    expect([service.asked, breaker.state]).to.deep.equal([1, 'open']);
  });

  it('stays closed for failures that pass by themselves', async () => {
    const breaker = new CircuitBreaker();
    const service = new Service();
    service.answer = () => Promise.reject(throttled);
    for (let n = 0; n < 20; n++) expect(await rejectionOf(breaker.run(service.ask))).to.equal(throttled);
    expect([service.asked, breaker.state]).to.deep.equal([20, 'closed']);
  });

  it('tries one request after a pause, which grows, and closes again when it is answered', async () => {
    let now = 0;
    const breaker = new CircuitBreaker({ pause: 20, longestPause: 50 }, undefined, () => now);
    const service = new Service();
    service.answer = () => Promise.reject(denied);
    await rejectionOf(breaker.run(service.ask));
    const passes = (pause: number): void => {
      now += pause - 1;
      expect(breaker.admits).to.equal(false);
      now += 1;
      expect(breaker.admits).to.equal(true);
    };
    for (const [pause, longer] of [
      [20, 40],
      [40, 50],
      [50, 50],
    ] as const) {
      passes(pause);
      expect(await rejectionOf(breaker.run(service.ask))).to.equal(denied);
      const { retryAfter } = (await rejectionOf(breaker.run(service.ask))) as CircuitOpenError;
      expect(retryAfter).to.equal(longer);
      expect(breaker.state).to.equal('open');
    }
    expect(service.asked).to.equal(4);
    passes(50);
    let answer: (text: string) => void = () => undefined;
    service.answer = () => new Promise((resolve) => (answer = resolve));
    const probe = breaker.run(service.ask);
    expect(breaker.state).to.equal('probing');
    expect(await rejectionOf(breaker.run(service.ask))).to.include({ retryAfter: 0, cause: denied });
    answer('signed');
    expect(await probe).to.equal('signed');
    expect([service.asked, breaker.state]).to.deep.equal([5, 'closed']);
  });

  it('has another request try when the one that tried says nothing of the fault', async () => {
    let now = 0;
    const breaker = new CircuitBreaker({ pause: 1 }, undefined, () => now);
    const service = new Service();
    service.answer = () => Promise.reject(denied);
    await rejectionOf(breaker.run(service.ask));
    now = 1;
    service.answer = () => Promise.reject(throttled);
    expect(await rejectionOf(breaker.run(service.ask))).to.equal(throttled);
    expect(breaker.state).to.equal('open');
    service.answer = () => Promise.resolve('signed');
    expect(await breaker.run(service.ask)).to.equal('signed');
    expect(breaker.state).to.equal('closed');
  });

  it('names what it does not understand', () => {
    const wrong: [unknown, string][] = [
      [5, 'circuitBreaker'],
      [{ pause: 0 }, 'circuitBreaker.pause'],
      [{ pause: 100, longestPause: 50 }, 'circuitBreaker.longestPause'],
    ];
    for (const [options, option] of wrong) {
      expect(() => new CircuitBreaker(options as object))
        .to.throw(InvalidOptionError)
        .with.property('option', option);
    }
  });
});

describe('the circuit breaker of a KmsSigner', () => {
  withoutAwsConfiguration();
  const running = runningKms();

  async function open(options: Partial<KmsSignerOptions> = {}): Promise<KmsSigner> {
    const { kms, client } = running();
    const { arn } = await createKey(client, 'ECC_NIST_P256');
    return await KmsSigner.open({ keyId: arn, ...kms.clientOptions, ...options });
  }

  async function signsAsked(): Promise<number> {
    return (await running().kms.counters())['Sign']?.requests ?? 0;
  }

  it('spares KMS while the key is disabled, and handshakes go on once it is enabled', async () => {
    const { client } = running();
    const signer = await open({ circuitBreaker: { pause: 50, longestPause: 50 } });
    const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
    const server = createServer({ cert, signer });
    const port = await listen(server);
    await client.send(new DisableKeyCommand({ KeyId: signer.keyArn }));
    const asked = await signsAsked();
    const codes: string[] = [];
    const fail = async (): Promise<string[]> => {
      const failed = next<SignerError>(server, 'tlsClientError');
      await rejectionOf(connectTls(port));
      codes.push((await failed).code);
      return codes;
    };
    await when('an open circuit', fail, (seen) => seen.includes('ERR_S2N_PKEY_SIGNER_CIRCUIT_OPEN'));
    expect(codes[0]).to.equal('ERR_S2N_PKEY_KMS_KEY_DISABLED');
    expect((await signsAsked()) - asked).to.equal(
      codes.filter((code) => code === 'ERR_S2N_PKEY_KMS_KEY_DISABLED').length,
    );
    await client.send(new EnableKeyCommand({ KeyId: signer.keyArn }));
    server.on('tlsClientError', () => undefined);
    const connection = await when(
      'a handshake that completes',
      () => connectTls(port).catch((error: unknown) => error),
      (seen) => seen instanceof TLSSocket,
    );
    if (connection instanceof TLSSocket) connection.destroy();
    await close(server);
    signer.close();
  });

  it('opens for a key that is pending deletion, and closes when that is cancelled', async () => {
    const { client } = running();
    const signer = await open({ circuitBreaker: { pause: 1, longestPause: 1 } });
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: signer.keyArn, PendingWindowInDays: 7 }));
    const first = await rejectionOf(signer.sign(operation));
    expect(first).to.be.instanceOf(KmsError).and.include({ code: 'ERR_S2N_PKEY_KMS_KEY_PENDING_DELETION' });
    await client.send(new CancelKeyDeletionCommand({ KeyId: signer.keyArn }));
    await client.send(new EnableKeyCommand({ KeyId: signer.keyArn }));
    await when(
      'a signature',
      () => signer.sign(operation).catch((error: unknown) => error),
      (seen) => seen instanceof Uint8Array,
    );
    signer.close();
  });

  it('is not there with circuitBreaker: false', async () => {
    const { client } = running();
    const signer = await open({ circuitBreaker: false });
    await client.send(new DisableKeyCommand({ KeyId: signer.keyArn }));
    const asked = await signsAsked();
    for (let n = 0; n < 3; n++) {
      const error = await rejectionOf(signer.sign(operation));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_KEY_DISABLED' });
    }
    expect((await signsAsked()) - asked).to.equal(3);
    signer.close();
  });
});
