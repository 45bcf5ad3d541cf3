import { InvalidOptionError } from '../errors.ts';
import { x509Library } from './x509-library.ts';

/**
 * What a certificate says, as text for people: version, serial number, names, validity, key, extensions.
 *
 * @param certificate PEM.
 * @throws InvalidOptionError
 */
export async function certificateText(certificate: string): Promise<string> {
  const x509 = await x509Library();
  try {
    return new x509.X509Certificate(certificate).toString('text');
  } catch (cause) {
    throw new InvalidOptionError('certificate', 'a PEM certificate', certificate, { cause });
  }
}
