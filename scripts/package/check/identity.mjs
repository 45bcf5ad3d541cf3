// A key and a certificate for `localhost`.
import { join } from 'node:path';
import { Refusal, lastLines, run } from '../../command.mjs';

/** @returns {Promise<string[]>} the files of the key and of the certificate, in PEM */
export async function makeIdentity(folder) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'];
  const args = ['req', '-x509', ...curve, ...name, '-keyout', key, '-out', cert];
  const { ok, output, missing } = await run('openssl', args);
  if (missing) throw new Refusal('openssl is missing: install it with `apt-get install openssl`.');
  if (!ok) throw new Refusal(`openssl could not make a certificate:\n${lastLines(output)}`);
  return [key, cert];
}
