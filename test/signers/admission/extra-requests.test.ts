import { expect } from 'chai';
import {
  createSelfSignedCertificate,
  createServer,
  KmsSigner,
  openReplicas,
  SignatureAdmission,
  type Signer,
} from '../../../lib/index.ts';
import { close, connectTls, listen } from '../../fixtures/peers.ts';
import { withoutAwsConfiguration } from '../kms/aws-environment.ts';
import { createKey, runningKms } from '../../local-kms/running-kms.ts';

describe('perSecond', function () {
  this.timeout(60_000);
  withoutAwsConfiguration();
  const running = runningKms();
  afterEach(() => running().kms.behave());

  /** One handshake with a server whose signer KMS fails at first; `signer` may be wrapped. */
  async function handshake(signer: Signer, admission: SignatureAdmission): Promise<void> {
    const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
    const { publicKey, schemes } = signer;
    const wrapper: Signer = {
      publicKey,
      schemes,
      sign: (operation, options) => signer.sign(operation, options),
    };
    const server = createServer({ cert, signer: wrapper, signatureLimits: admission });
    const port = await listen(server);
    (await connectTls(port)).destroy();
    expect([admission.admitted, admission.extraRequests]).to.deep.equal([1, 0]);
    await running().kms.misbehave({ kind: 'internal-error', count: 2 });
    (await connectTls(port)).destroy();
    expect([admission.admitted, admission.extraRequests]).to.deep.equal([2, 2]);
    await close(server);
  }

  for (const [way, more] of [
    ["requests: 'fast'", {}],
    ["requests: 'sdk'", { requests: 'sdk' }],
    ["thread: 'worker'", { thread: 'worker' }],
  ] as const) {
    it(`includes retries, with ${way}, also through a signer that wraps it`, async () => {
      const { kms, client } = running();
      const { arn } = await createKey(client, 'ECC_NIST_P256');
      const signer = await KmsSigner.open({ keyId: arn, ...kms.clientOptions, ...more });
      // Sixteen at once, and then none for a long time.
      const admission = new SignatureAdmission({ perSecond: 16, queue: 0, perAddress: false });
      await handshake(signer, admission);
      signer.close();
    });
  }

  it('includes hedges', async () => {
    const { kms, client } = running();
    const { arn } = await createKey(client, 'ECC_NIST_P256');
    const hedging = { percentile: 0.9, share: 0.5 };
    const signer = await KmsSigner.open({ keyId: arn, ...kms.clientOptions, hedging });
    const admission = SignatureAdmission.of(signer);
    const operation = {
      scheme: 'ecdsa_secp256r1_sha256',
      input: Buffer.alloc(32),
      inputKind: 'digest',
    } as const;
    for (let i = 0; i < 60; i++) await signer.sign(operation);
    const before = admission?.extraRequests ?? NaN;
    await kms.misbehave({ kind: 'hang', count: 1 });
    await signer.sign(operation); // by its hedge
    expect(admission?.extraRequests).to.equal(before + 1);
    signer.close();
  });

  it('is less for others by what retries have taken', () => {
    const admission = new SignatureAdmission({ perSecond: 8, queueTimeout: 60_000, perAddress: false });
    for (let extra = 0; extra < 100; extra++) admission.countExtra();
    const place = admission.enter('192.0.2.1');
    expect(place.state).to.equal('waiting');
    place.leave();
  });

  it('includes what is asked of another Region', async () => {
    const { kms, client } = running();
    const { arn } = await createKey(client, 'ECC_NIST_P256');
    const one = { keyId: arn, ...kms.clientOptions };
    const signer = await openReplicas({ replicas: [one, one] });
    const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
    const admission = new SignatureAdmission({ perSecond: 100, perAddress: false });
    const server = createServer({ cert, signer, signatureLimits: admission });
    const port = await listen(server);
    await kms.misbehave({ kind: 'disabled-key', count: 1 });
    (await connectTls(port)).destroy();
    expect([admission.admitted, admission.extraRequests]).to.deep.equal([1, 1]);
    await close(server);
    signer.close();
  });
});
