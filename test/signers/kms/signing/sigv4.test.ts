import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import type { Credentials } from '../../../../lib/signers/kms/signing/sigv4.ts';
import { SigV4 } from '../../../../lib/signers/kms/signing/sigv4.ts';
import type { HttpRequest } from '../../../../lib/signers/kms/signing/transport.ts';

const region = 'eu-central-1';
const host = 'kms.eu-central-1.amazonaws.com';
const contentType = 'application/x-amz-json-1.1';
const target = 'TrentService.Sign';

/** The signature that the AWS SDK's own signer makes for the same request. */
async function bySdk(body: string, credentials: Credentials, now: number): Promise<string | undefined> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const client = new KMSClient({
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  });
  try {
    const signer = await client.config.signer({
      name: 'sigv4',
      signingName: 'kms',
      signingRegion: region,
      properties: {},
    });
    const signed = await signer.sign(
      {
        method: 'POST',
        protocol: 'https:',
        hostname: host,
        path: '/',
        query: {},
        headers: { host, 'content-type': contentType, 'x-amz-target': target },
        body,
      },
      { signingDate: new Date(now), unsignableHeaders: new Set(['x-amz-content-sha256']) },
    );
    return signed.headers['authorization'];
  } finally {
    client.destroy();
  }
}

function ours({ headers }: HttpRequest): string | undefined {
  return headers[headers.indexOf('authorization') + 1];
}

describe('Signature Version 4, as the fast requests have it', () => {
  const sigv4 = new SigV4({ region, service: 'kms', host, target, contentType, userAgent: 'test' });
  const permanent = {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  };
  const temporary = {
    accessKeyId: 'ASIAEXAMPLE',
    secretAccessKey: 'another',
    sessionToken: 'FwoGZXIvYXdzE//+=',
  };
  const midnight = Date.UTC(2026, 0, 2);

  // One signer for all: what it keeps from one must not show in the next.
  for (const [what, credentials, now, body] of [
    ['a permanent key', permanent, midnight - 500, '{"KeyId":"a"}'],
    ['another body in the same second', permanent, midnight - 400, '{"KeyId":"b"}'],
    ['the next day', permanent, midnight, '{"KeyId":"b"}'],
    ['a session', temporary, midnight, '{"KeyId":"b"}'],
    ['the session a second later', temporary, midnight + 1_000, '{"KeyId":"b"}'],
    ['the session renewed', { ...temporary, sessionToken: 'other' }, midnight + 1_000, '{"KeyId":"b"}'],
    ['the permanent key again, a day before', permanent, midnight - 86_400_000, '{"KeyId":"a"}'],
  ] as const) {
    it(`is what the AWS SDK makes: ${what}`, async () => {
      const expected = await bySdk(body, credentials, now);
      expect(expected).to.match(/^AWS4-HMAC-SHA256 Credential=A/);
      expect(ours(sigv4.request(body, credentials, now))).to.equal(expected);
    });
  }

  it('is of the headers that are sent', () => {
    const { headers, body } = sigv4.request('{"KeyId":"a"}', temporary, midnight);
    const sent = new Map(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])));
    expect([...sent.keys()]).to.have.members([
      ...[
        'content-type',
        'host',
        'x-amz-date',
        'x-amz-security-token',
        'x-amz-target',
        'user-agent',
        'authorization',
      ],
    ]);
    expect(sent.get('host')).to.equal('kms.eu-central-1.amazonaws.com');
    expect(sent.get('x-amz-security-token')).to.equal('FwoGZXIvYXdzE//+=');
    expect(body).to.equal('{"KeyId":"a"}');
  });
});
