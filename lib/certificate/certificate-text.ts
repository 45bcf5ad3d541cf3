import { InvalidOptionError } from '../errors.ts';
import { readCertificates } from '../pem/certificates.ts';
import { x509Library } from './x509-library.ts';

/**
 * What a certificate says, as text for people: version, serial number, names, validity, key, extensions.
 *
 * @param certificate PEM.
 * @throws InvalidOptionError
 */
export async function certificateText(certificate: string): Promise<string> {
  const x509 = await x509Library();
  const [first] = readCertificates('certificate', 'a PEM certificate', certificate);
  try {
    return new x509.X509Certificate(first?.pem ?? '').toString('text');
  } catch (cause) {
    throw new InvalidOptionError('certificate', 'a PEM certificate', certificate, { cause });
  }
}
