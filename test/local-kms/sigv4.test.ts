import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { refusal, runningKms, send, type RunningKms } from './running-kms.ts';
import { sendSigned, type SignedRequestOptions } from './sigv4-by-hand.ts';

const minute = 60_000;

function date(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.';
const unrecognized = 'The security token included in the request is invalid.';

async function answerTo(
  running: RunningKms,
  options: Partial<SignedRequestOptions>,
): Promise<{ status: number; __type?: string; message?: string }> {
  const { endpoint, credentials } = running.kms;
  const { status, body } = await sendSigned({ endpoint, credentials, ...options });
  const content = JSON.parse(body) as { __type?: string; message?: string };
  return { status, ...content };
}

describe('local KMS: Signature Version 4', () => {
  const credentials = {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  };
  const running = runningKms({ credentials });

  it('lets in what is signed with its credential', async () => {
    expect(await answerTo(running(), {})).to.include({ status: 200 });
  });

  it('accepts the fewest headers that may be signed', async () => {
    const signedHeaders = ['host', 'x-amz-date', 'x-amz-target'];
    expect(await answerTo(running(), { signedHeaders })).to.include({ status: 200 });
  });

  it('refuses another secret', async () => {
    const { kms } = running();
    const other = { ...credentials, secretAccessKey: 'another' };
    expect(await answerTo(running(), { credentials: other })).to.deep.equal({
      status: 400,
      __type: 'InvalidSignatureException',
      message: mismatch,
    });
    const client = new KMSClient({ ...kms.clientOptions, credentials: other, maxAttempts: 1 });
    const refused = await refusal(client.send(new ListKeysCommand({})));
    expect(refused).to.deep.equal({ name: 'InvalidSignatureException', message: mismatch, status: 400 });
    client.destroy();
  });

  it('refuses an access key that it does not know, and session tokens that it does not want', async () => {
    for (const other of [
      { ...credentials, accessKeyId: 'AKIDOTHER' },
      { ...credentials, sessionToken: 'token' },
    ]) {
      expect(await answerTo(running(), { credentials: other })).to.deep.equal({
        status: 400,
        __type: 'UnrecognizedClientException',
        message: unrecognized,
      });
    }
  });

  it('refuses what was changed after it was signed', async () => {
    for (const tamper of [
      (headers: Record<string, string>): void => void (headers['x-amz-target'] = 'TrentService.ListAliases'),
      (headers: Record<string, string>): void =>
        void (headers['content-type'] = 'application/x-amz-json-1.0'),
    ]) {
      expect(await answerTo(running(), { tamper })).to.include({
        status: 400,
        __type: 'InvalidSignatureException',
        message: mismatch,
      });
    }
  });

  it('refuses a body other than the signed one', async () => {
    const { endpoint } = running().kms;
    let headers: Record<string, string> = {};
    await sendSigned({
      endpoint,
      credentials,
      body: '{"Limit":1}',
      tamper: (signed) => (headers = { ...signed }),
    });
    expect((await send(endpoint, { headers, body: '{"Limit":1}' })).status).to.equal(200);
    const { status, body } = await send(endpoint, { headers, body: '{"Limit":2}' });
    expect([status, JSON.parse(body)]).to.deep.equal([
      400,
      { __type: 'InvalidSignatureException', message: mismatch },
    ]);
  });

  it('wants the host, and everything of Amazon, to be signed', async () => {
    for (const [signedHeaders, name] of [
      [['x-amz-date', 'x-amz-target'], 'Host'],
      [['host', 'x-amz-date'], 'x-amz-target'],
    ] as const) {
      const answer = await answerTo(running(), { signedHeaders });
      expect(answer).to.include({ status: 400, __type: 'InvalidSignatureException' });
      expect(answer.message).to.contain(`'${name}'`);
    }
  });

  it('refuses another region, service, terminator or day, naming each', async () => {
    const at = Date.now();
    const today = date(at).slice(0, 8);
    for (const [options, message] of [
      [{ region: 'eu-west-1' }, "Credential should be scoped to a valid region, not 'eu-west-1'. "],
      [{ service: 's3' }, "Credential should be scoped to correct service: 'kms'. "],
      [
        { terminator: 'aws5_request' },
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ",
      ],
      [
        { at, day: '20200102' },
        'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
          `'20200102' != '${today}', from '${date(at)}'. `,
      ],
    ] as const) {
      expect(await answerTo(running(), options)).to.deep.equal({
        status: 400,
        __type: 'InvalidSignatureException',
        message,
      });
    }
  });

  it('allows clocks to differ by five minutes and no more', async () => {
    for (const skew of [-4, 4]) {
      expect(await answerTo(running(), { at: Date.now() + skew * minute })).to.include({ status: 200 });
    }
    const early = Date.now() - 6 * minute;
    const expired = await answerTo(running(), { at: early });
    expect(expired).to.include({ status: 400, __type: 'InvalidSignatureException' });
    expect(expired.message).to.match(
      new RegExp(
        `^Signature expired: ${date(early)} is now earlier than \\d{8}T\\d{6}Z \\(\\d{8}T\\d{6}Z - 5 min\\.\\)$`,
      ),
    );
    const late = Date.now() + 6 * minute;
    const notYet = await answerTo(running(), { at: late });
    expect(notYet).to.include({ status: 400, __type: 'InvalidSignatureException' });
    expect(notYet.message).to.match(
      new RegExp(
        `^Signature not yet current: ${date(late)} is still later than \\d{8}T\\d{6}Z \\(.* \\+ 5 min\\.\\)$`,
      ),
    );
  });

  it('lets the SDK correct a clock that is wrong, as it does with the real service', async () => {
    const client = new KMSClient({ ...running().kms.clientOptions, systemClockOffset: -20 * minute });
    const { Keys: keys } = await client.send(new ListKeysCommand({}));
    expect(keys).to.deep.equal([]);
    client.destroy();
  });

  it('says that a signature is missing, or what of it is', async () => {
    const { endpoint } = running().kms;
    const target = { 'x-amz-target': 'TrentService.ListKeys' };
    const unsigned = await send(endpoint, { headers: target, body: '{}' });
    expect([unsigned.status, JSON.parse(unsigned.body)]).to.deep.equal([
      400,
      { __type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' },
    ]);
    const headers = { ...target, authorization: 'AWS4-HMAC-SHA256 Credential=a/b/c/d/e' };
    const incomplete: unknown = JSON.parse((await send(endpoint, { headers, body: '{}' })).body);
    expect(incomplete).to.have.property('__type', 'IncompleteSignatureException');
    expect(incomplete)
      .to.have.property('message')
      .that.matches(
        /^Authorization header requires 'Signature' parameter\. Authorization header requires 'SignedHeaders' parameter\. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header\. .*Authorization=/,
      );
    const basic = { ...target, authorization: 'Basic dXNlcjpwYXNzd29yZA==' };
    const wrongScheme: unknown = JSON.parse((await send(endpoint, { headers: basic, body: '{}' })).body);
    expect(wrongScheme).to.have.property('__type', 'IncompleteSignatureException');
  });

  it('says so of a credential or a date that is none', async () => {
    for (const tamper of [
      (headers: Record<string, string>): void => {
        headers['authorization'] = headers['authorization']?.replace('/aws4_request', '') ?? '';
      },
      (headers: Record<string, string>): void => void (headers['x-amz-date'] = 'yesterday'),
      (headers: Record<string, string>): void => {
        headers['authorization'] = headers['authorization']?.replace('SHA256', 'SHA512') ?? '';
      },
    ]) {
      expect(await answerTo(running(), { tamper })).to.include({
        status: 400,
        __type: 'IncompleteSignatureException',
      });
    }
  });
});

describe('local KMS: Signature Version 4 with a session token', () => {
  const credentials = {
    accessKeyId: 'ASIAEXAMPLE',
    secretAccessKey: 'secret',
    sessionToken: 'the/session+token==',
  };
  const running = runningKms({ credentials });

  it('wants the token, and this one', async () => {
    expect(await answerTo(running(), {})).to.include({ status: 200 });
    const { accessKeyId, secretAccessKey } = credentials;
    for (const other of [
      { accessKeyId, secretAccessKey },
      { accessKeyId, secretAccessKey, sessionToken: 'other' },
    ]) {
      expect(await answerTo(running(), { credentials: other })).to.include({
        status: 400,
        __type: 'UnrecognizedClientException',
        message: unrecognized,
      });
    }
  });

  it('is what the SDK sends', async () => {
    const { Keys: keys } = await running().client.send(new ListKeysCommand({}));
    expect(keys).to.deep.equal([]);
  });
});
