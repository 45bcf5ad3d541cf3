import { createHash, createHmac } from 'node:crypto';
import type { LocalKmsCredentials } from '../../lib/local-kms/start.ts';
import { send, type RawAnswer } from './running-kms.ts';

/** What of a signed request a test may want otherwise. */
export interface SignedRequestOptions {
  readonly endpoint: string;
  readonly credentials: LocalKmsCredentials;
  readonly operation?: string;
  readonly body?: string | Buffer;
  readonly region?: string;
  readonly service?: string;
  readonly terminator?: string;
  /** Epoch milliseconds at which it says it was signed. */
  readonly at?: number;
  /** The day of the credential scope, where it is not that of `at`. */
  readonly day?: string;
  readonly signedHeaders?: readonly string[];
  /** Changes headers after they are signed. */
  readonly tamper?: (headers: Record<string, string>) => void;
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Signature Version 4 written down a second time, straight from its documentation, so that tests can bend it. */
export async function sendSigned(options: SignedRequestOptions): Promise<RawAnswer> {
  const {
    endpoint,
    credentials,
    operation = 'ListKeys',
    body = '{}',
    region = 'us-east-1',
    service = 'kms',
  } = options;
  const { at = Date.now(), terminator = 'aws4_request' } = options;
  const date = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const { day = date.slice(0, 8) } = options;
  const headers: Record<string, string> = {
    host: new URL(endpoint).host,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-date': date,
    'x-amz-target': `TrentService.${operation}`,
  };
  if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
  const names = options.signedHeaders ?? Object.keys(headers).sort();
  const canonical = [
    'POST',
    '/',
    '',
    ...names.map((name) => `${name}:${headers[name] ?? ''}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/${terminator}`;
  const dated = hmac(`AWS4${credentials.secretAccessKey}`, day);
  const key = hmac(hmac(hmac(dated, region), service), terminator);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString(
    'hex',
  );
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${signature}`;
  options.tamper?.(headers);
  return send(endpoint, { headers, body });
}
