import { GenerateMacCommand, SignCommand, type KeySpec } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { InvalidOptionError } from '../../lib/index.ts';
import { parseCommandLine } from '../../lib/local-kms/command-line.ts';
import { Quotas } from '../../lib/local-kms/quotas.ts';
import { startLocalKms, type LocalKmsQuota } from '../../lib/local-kms/start.ts';
import { rejectionOf } from '../signers/rejection.ts';
import { createKey, defined, refusal, runningKms } from './running-kms.ts';

describe('quota of the local KMS', () => {
  describe('of a running KMS', () => {
    // Fewer a second than the tests ask for, however slow the machine is.
    const running = runningKms({ quota: { ecc: 2, symmetric: 1 } });

    async function sign(keyId: string): Promise<unknown> {
      const { client } = running();
      const ask = { Message: Buffer.from('a'), SigningAlgorithm: 'ECDSA_SHA_256' } as const;
      return await client.send(new SignCommand({ KeyId: keyId, ...ask }));
    }

    async function keyOf(spec: KeySpec): Promise<string> {
      return (await createKey(running().client, spec)).keyId;
    }

    it('refuses with ThrottlingException, in the words of KMS, and counts all keys of a kind together', async () => {
      const [one, other] = [await keyOf('ECC_NIST_P256'), await keyOf('ECC_NIST_P256')];
      const failures: Error[] = [];
      while (failures.length === 0) {
        const answers = await Promise.allSettled([one, other, one, other, one, other].map(sign));
        for (const each of answers) if (each.status === 'rejected') failures.push(each.reason as Error);
      }
      expect(await refusal(Promise.reject(defined(failures[0])))).to.deep.equal({
        name: 'ThrottlingException',
        message: 'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
        status: 400,
      });
    });

    it('counts kinds apart, and RSA without a number not at all', async () => {
      const { client } = running();
      const mac = {
        KeyId: await keyOf('HMAC_256'),
        MacAlgorithm: 'HMAC_SHA_256',
        Message: Buffer.from('a'),
      } as const;
      await client.send(new GenerateMacCommand(mac));
      const KeyId = await keyOf('RSA_2048');
      const ask = { Message: Buffer.from('a'), SigningAlgorithm: 'RSASSA_PSS_SHA_256' } as const;
      for (let at = 0; at < 10; at++) await client.send(new SignCommand({ KeyId, ...ask }));
    });
  });

  it('lets a second’s requests through at once, and then as many as time has brought back', () => {
    let now = 0;
    const quotas = new Quotas({ ecc: 100 }, () => now);
    const passed = (): number => {
      let count = 0;
      try {
        for (; count < 1_000; count++) quotas.count('ec');
      } catch {
        // The quota.
      }
      return count;
    };
    expect(passed()).to.equal(100);
    now += 250;
    expect(passed()).to.equal(25);
    now += 10_000;
    expect(passed()).to.equal(100);
  });

  it('is read from the command line, and refused by name', async () => {
    const quotaOf = (text: string): unknown => parseCommandLine(['--quota', text], {})?.server.quota;
    expect(quotaOf('ecc=1000, rsa=500')).to.include({ ecc: 1000, rsa: 500 });
    for (const [text, option] of [
      ['ecc', '--quota.ecc'],
      ['ecc=', '--quota.ecc'],
      ['ecc=0', '--quota.ecc'],
      ['dsa=3', '--quota.dsa'],
      ['1000', '--quota.1000'],
    ] as const) {
      expect(() => quotaOf(text), text)
        .to.throw(InvalidOptionError)
        .with.property('option', option);
    }
    const error = await rejectionOf(startLocalKms({ quota: { ed: 3 } as LocalKmsQuota }));
    expect(error).to.be.instanceOf(InvalidOptionError).with.property('option', 'quota.ed');
  });
});
