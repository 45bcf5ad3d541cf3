import { createHash, verify } from 'node:crypto';
import { expect } from 'chai';
import { KmsSigner, type KmsSignerOptions } from '../../../../lib/signers/kms/kms-signer.ts';
import type { LocalKms } from '../../../../lib/local-kms/start.ts';
import type { PrivateKeyOperation } from '../../../../lib/signers/signer.ts';
import { createKey, runningKms } from '../../../local-kms/running-kms.ts';
import { withoutAwsConfiguration } from '../aws-environment.ts';
import { when } from '../../../fixtures/when.ts';

const message = Buffer.from('what a handshake hashes');

/** What the signers of these tests are asked for. */
export const asked: PrivateKeyOperation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update(message).digest(),
  inputKind: 'digest',
};

/** A local KMS with a P-256 key, for the tests of the `describe` it is called in, and signers that are closed after each. */
export function signingKey(): {
  readonly kms: () => LocalKms;
  readonly arn: () => string;
  readonly open: (options?: Partial<KmsSignerOptions>) => Promise<KmsSigner>;
  readonly signs: (signer: KmsSigner, count?: number) => Promise<void>;
  readonly signRequests: () => Promise<number>;
  /** Resolves when so many requests for signatures are under way. */
  readonly underWay: (count: number) => Promise<unknown>;
} {
  withoutAwsConfiguration();
  const running = runningKms();
  const opened: KmsSigner[] = [];
  let arn = '';
  before(async () => {
    ({ arn } = await createKey(running().client, 'ECC_NIST_P256'));
  });
  beforeEach(() => running().kms.resetCounters());
  afterEach(async () => {
    for (const signer of opened.splice(0)) signer.close();
    await running().kms.behave();
  });
  return {
    kms: () => running().kms,
    arn: () => arn,
    open: async (options = {}) => {
      const own = 'client' in options ? {} : running().kms.clientOptions;
      const signer = await KmsSigner.open({ keyId: arn, ...own, ...options });
      opened.push(signer);
      return signer;
    },
    signs: async (signer, count = 1) => {
      const signatures = await Promise.all(Array.from({ length: count }, () => signer.sign(asked)));
      for (const signature of signatures)
        expect(verify('sha256', message, signer.publicKey, signature)).to.equal(true);
    },
    underWay: (count) =>
      when(
        `${count} requests under way`,
        async () => (await running().kms.counters())['Sign'],
        (seen) => (seen?.inFlight ?? 0) === count,
      ),
    signRequests: async () => (await running().kms.counters())['Sign']?.requests ?? 0,
  };
}
