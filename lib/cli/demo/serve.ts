import { once } from 'node:events';
import { KMSClient } from '@aws-sdk/client-kms';
import { certificateText } from '../../certificate/certificate-text.ts';
import { createSelfSignedCertificate } from '../../certificate/self-signed-certificate.ts';
import { findOrCreateDemoKey } from '../../signers/kms/keys/demo-key.ts';
import { KmsSigner } from '../../signers/kms/kms-signer.ts';
import type { ChosenKms } from './choose-kms.ts';
import { DemoSite } from './site/demo-site.ts';
import { SignLog } from './site/sign-log.ts';

/** A page at work. */
export interface ServedDemo {
  readonly url: string;
  readonly arn: string;
  /** PEM. */
  readonly certificate: string;
  readonly site: DemoSite;
  close(): Promise<void>;
}

/**
 * Serves the demonstration's page on localhost: key from KMS, found or created, and a certificate for `localhost`.
 *
 * @throws KmsError and others of this package's errors; what `listen` says of the port.
 */
export async function serveDemo(kms: ChosenKms, port: number): Promise<ServedDemo> {
  const client = new KMSClient(kms.clientOptions);
  try {
    const { key } = await findOrCreateDemoKey(client);
    const signer = await KmsSigner.open({ keyId: key.arn, ...kms.clientOptions });
    const signs = new SignLog(signer);
    signs.purpose = 'certificate';
    const certificate = await createSelfSignedCertificate({
      signer: signs,
      subject: { CN: 'localhost' },
      altNames: { dns: ['localhost'], ip: ['127.0.0.1', '::1'] },
    });
    signs.purpose = 'handshake';
    const site = new DemoSite(
      {
        where: kms.isAws ? 'AWS KMS' : 'a local KMS',
        key: { arn: key.arn, description: `${key.keySpec} in ${kms.description}` },
        certificate,
        certificateText: await certificateText(certificate),
      },
      signs,
    );
    const bound = await site.listen(port, '127.0.0.1');
    const close = async (): Promise<void> => {
      site.server.close();
      site.endConnections();
      await once(site.server, 'close');
      signer.close();
    };
    return { url: `https://localhost:${bound}/`, arn: key.arn, certificate, site, close };
  } finally {
    client.destroy();
  }
}
