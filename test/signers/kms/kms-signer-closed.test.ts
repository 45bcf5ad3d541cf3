import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { KmsSigner } from '../../../lib/signers/kms/kms-signer.ts';
import { createKey, runningKms } from '../../local-kms/running-kms.ts';
import { rejectionOf } from '../rejection.ts';
import { withoutAwsConfiguration } from './aws-environment.ts';

for (const path of ['fast', 'sdk'] as const)
  describe(`KmsSigner, requests: '${path}'`, () => {
    withoutAwsConfiguration();
    const running = runningKms();

    describe('when it is closed', () => {
      const input = createHash('sha256').update('what a handshake hashes').digest();
      const asked = { scheme: 'ecdsa_secp256r1_sha256', input, inputKind: 'digest' } as const;

      it('signs no more, and says so', async () => {
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        const signer = await KmsSigner.open({ keyId: arn, requests: path, ...running().kms.clientOptions });
        signer.close();
        signer.close();
        const error = await rejectionOf(signer.sign(asked));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_SIGNER_CLOSED' });
      });

      it("leaves the user's own client alone", async () => {
        const client = running().client;
        const { arn } = await createKey(client, 'ECC_NIST_P256');
        let destroyed = false;
        const destroy = client.destroy.bind(client);
        client.destroy = () => {
          destroyed = true;
          destroy();
        };
        const signer = await KmsSigner.open({ keyId: arn, client });
        signer.close();
        expect(destroyed).to.equal(false);
        expect(
          await client.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })),
        ).to.have.property('KeyMetadata');
      });
    });
  });
