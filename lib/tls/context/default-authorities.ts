import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { isCertificate, PemCertificate } from '../../pem/certificates.ts';
import { pemBlocks, PemError } from '../../pem/pem-blocks.ts';
import { pemText } from '../../pem/pem-text.ts';
import { namesOfFlags } from './ignored-flags.ts';

/** An authority and its source, which a warning names if the authority cannot be used. */
export interface DefaultAuthority {
  readonly pem: string;
  readonly source: string;
}

/** Exists from Node 22.15 on. */
const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => readonly string[] };

/** The source of the last list. The same array, or the same files, return the same list. */
let lastNodeList: readonly string[] | undefined;
let last: readonly DefaultAuthority[] | undefined;

/**
 * The authorities that node:tls trusts by default: Mozilla's, as Node ships them, those of `NODE_EXTRA_CA_CERTS`, and with
 * `--use-openssl-ca` those of `SSL_CERT_FILE` and `SSL_CERT_DIR` in place of Mozilla's. From Node 22.15 on exactly those that Node
 * itself reports, so that `--use-system-ca` and `tls.setDefaultCACertificates` hold.
 *
 * Returns the same array until something changes.
 */
export function defaultAuthorities(): readonly DefaultAuthority[] {
  const nodeList = getCACertificates?.('default');
  if (last !== undefined && nodeList === lastNodeList) return last;
  lastNodeList = nodeList;
  last =
    nodeList === undefined
      ? byOurselves()
      : [...named(nodeList, "Node's default authorities"), ...ofOpenSsl()];
  return last;
}

/** For Node versions that cannot report their authorities. */
function byOurselves(): readonly DefaultAuthority[] {
  const mozillas = usesOpenSslStore() ? ofOpenSsl() : named(tls.rootCertificates, 'tls.rootCertificates');
  const extra = process.env['NODE_EXTRA_CA_CERTS'];
  return extra === undefined || extra === '' ? mozillas : [...mozillas, ...inFile(extra)];
}

/** With `--use-openssl-ca`, Node does not report OpenSSL's authorities. */
function ofOpenSsl(): readonly DefaultAuthority[] {
  if (!usesOpenSslStore()) return [];
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directories } = process.env;
  return [
    ...(file === undefined || file === '' ? [] : inFile(file)),
    ...(directories ?? '').split(':').filter(Boolean).flatMap(inDirectory),
  ];
}

/** The last of the two flags applies; the command line comes after the environment. */
function usesOpenSslStore(): boolean {
  const flags = namesOfFlags(process.env['NODE_OPTIONS'], process.execArgv);
  return flags.findLast((flag) => /^--use-(openssl|bundled)-ca$/.test(flag)) === '--use-openssl-ca';
}

/** The links that `openssl rehash` makes. */
function inDirectory(directory: string): readonly DefaultAuthority[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return []; // OpenSSL ignores a missing folder.
  }
  return names
    .filter((name) => /^[0-9a-f]{8}\.\d+$/.test(name))
    .flatMap((name) => inFile(join(directory, name)));
}

function inFile(path: string): readonly DefaultAuthority[] {
  let text: string;
  try {
    text = pemText(readFileSync(path)) ?? '';
  } catch {
    return []; // Node itself warned about it at startup.
  }
  const blocks = pemBlocks(text, (error) => warnOfSkipped(path, error.message)).filter(isCertificate);
  return blocks.flatMap((block) => {
    try {
      return [{ pem: new PemCertificate(block).block, source: path }];
    } catch (error) {
      warnOfSkipped(path, error instanceof PemError ? error.message : String(error));
      return [];
    }
  });
}

function named(pems: readonly string[], source: string): readonly DefaultAuthority[] {
  return pems.map((pem) => ({ pem, source }));
}

const warned = new Set<string>();

/** Warns once for each authority that is skipped because it cannot be used. */
export function warnOfSkipped(source: string, why: string): void {
  const message = `an authority is left out: ${source}: ${why}`;
  if (warned.has(message)) return;
  warned.add(message);
  process.emitWarning(message, { code: 'S2N_PKEY_CA_SKIPPED' });
}

/** Describes an authority in a warning, by its name if that is readable. */
export function nameOfAuthority(pem: string): string {
  try {
    const { subject, fingerprint256 } = new X509Certificate(pem);
    return `${subject.replaceAll('\n', ', ')} (SHA-256 ${fingerprint256}) cannot be used`;
  } catch {
    return 'a certificate that cannot be read';
  }
}
