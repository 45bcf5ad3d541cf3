import { GenerateMacCommand, VerifyMacCommand, type MacAlgorithmSpec } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createKey, defined, randomMessage, refusal, runningKms } from './running-kms.ts';

describe('local KMS: GenerateMac and VerifyMac', () => {
  const running = runningKms();

  for (const [keySpec, MacAlgorithm, length] of [
    ['HMAC_224', 'HMAC_SHA_224', 28],
    ['HMAC_256', 'HMAC_SHA_256', 32],
    ['HMAC_384', 'HMAC_SHA_384', 48],
    ['HMAC_512', 'HMAC_SHA_512', 64],
  ] as const) {
    it(`${keySpec} makes ${MacAlgorithm} codes of ${length} bytes, the same for the same message`, async () => {
      const { client } = running();
      const { keyId, arn } = await createKey(client, keySpec);
      const input = { KeyId: keyId, Message: randomMessage(), MacAlgorithm };
      const first = await client.send(new GenerateMacCommand(input));
      const second = await client.send(new GenerateMacCommand({ ...input, KeyId: arn }));
      expect(first).to.deep.include({ KeyId: arn, MacAlgorithm });
      expect(first.Mac).to.have.length(length);
      expect(second.Mac).to.deep.equal(first.Mac);

      const Mac = defined(first.Mac);
      const verified = await client.send(new VerifyMacCommand({ ...input, Mac }));
      expect(verified).to.deep.include({ KeyId: arn, MacValid: true, MacAlgorithm });
    });
  }

  it('makes other codes for other messages and with other keys', async () => {
    const { client } = running();
    const MacAlgorithm = 'HMAC_SHA_256';
    const { keyId: KeyId } = await createKey(client, 'HMAC_256');
    const { keyId: otherKeyId } = await createKey(client, 'HMAC_256');
    const Message = randomMessage();
    const { Mac } = await client.send(new GenerateMacCommand({ KeyId, Message, MacAlgorithm }));
    for (const input of [
      { KeyId, Message: randomMessage() },
      { KeyId: otherKeyId, Message },
    ]) {
      const refused = await refusal(
        client.send(new VerifyMacCommand({ ...input, MacAlgorithm, Mac: defined(Mac) })),
      );
      expect(refused).to.include({ name: 'KMSInvalidMacException', status: 400 });
    }
    const short = defined(Mac).subarray(0, 31);
    const refused = await refusal(
      client.send(new VerifyMacCommand({ KeyId, Message, MacAlgorithm, Mac: short })),
    );
    expect(refused.name).to.equal('KMSInvalidMacException');
  });

  it("refuses another key spec's algorithm, and one that nobody has", async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'HMAC_224');
    const Message = randomMessage();
    const other = await refusal(
      client.send(new GenerateMacCommand({ KeyId, Message, MacAlgorithm: 'HMAC_SHA_256' })),
    );
    expect(other).to.deep.equal({
      name: 'InvalidKeyUsageException',
      message: 'Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.',
      status: 400,
    });
    const MacAlgorithm = 'INVALID' as MacAlgorithmSpec;
    const unknown = await refusal(client.send(new GenerateMacCommand({ KeyId, Message, MacAlgorithm })));
    expect(unknown.name).to.equal('ValidationException');
    expect(unknown.message).to.contain("Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint");
  });

  it('refuses a signing key', async () => {
    const { client } = running();
    const { keyId: KeyId, arn } = await createKey(client, 'ECC_NIST_P256');
    const input = { KeyId, Message: randomMessage(), MacAlgorithm: 'HMAC_SHA_256' } as const;
    const generated = await refusal(client.send(new GenerateMacCommand(input)));
    expect(generated).to.include({
      name: 'InvalidKeyUsageException',
      message: `${arn} key usage is SIGN_VERIFY which is not valid for GenerateMac.`,
    });
    const verified = await refusal(client.send(new VerifyMacCommand({ ...input, Mac: randomMessage(32) })));
    expect(verified.message).to.equal(`${arn} key usage is SIGN_VERIFY which is not valid for VerifyMac.`);
  });

  it('takes DryRun', async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'HMAC_512');
    const input = { KeyId, Message: randomMessage(), MacAlgorithm: 'HMAC_SHA_512', DryRun: true } as const;
    const refused = await refusal(client.send(new GenerateMacCommand(input)));
    expect(refused.name).to.equal('DryRunOperationException');
  });
});
