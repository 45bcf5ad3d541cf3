import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { FastRequests } from '../../../../lib/signers/kms/signing/fast-requests.ts';
import type { CredentialsProvider } from '../../../../lib/signers/kms/signing/identity.ts';
import { SdkRequests } from '../../../../lib/signers/kms/signing/sdk-requests.ts';
import type { SignAnswer } from '../../../../lib/signers/kms/signing/sign-requests.ts';
import { rejectionOf } from '../../rejection.ts';

const keyArn = 'arn:aws:kms:us-east-1:000000000000:key/1';
const good = JSON.stringify({ KeyId: keyArn, Signature: 'AQID', SigningAlgorithm: 'ECDSA_SHA_256' });

/** What a KMS says that no local KMS says. */
describe('Fast requests, and what a KMS can say', () => {
  let server: Server;
  let requests: FastRequests;
  let answer: (request: IncomingMessage) => {
    status: number;
    body: string;
    headers?: Record<string, string>;
  };
  const clock = { offset: 0 };
  let provide: CredentialsProvider;
  let now = 0;
  let patient = true;
  let asked: string[] = [];

  beforeEach(async () => {
    asked = [];
    clock.offset = 0;
    now = 0;
    patient = true;
    provide = () => Promise.resolve({ accessKeyId: 'AKIAOLD', secretAccessKey: 'secret' });
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        asked.push(/Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
        const { status, body, headers = {} } = answer(request);
        response.writeHead(status, { 'x-amzn-requestid': 'r-1', ...headers }).end(body);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = new KMSClient({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: 'AKIASDK', secretAccessKey: 'secret' },
      maxAttempts: 1,
    });
    requests = new FastRequests(
      keyArn,
      {
        endpoint: { secure: false, hostname: '127.0.0.1', port },
        scope: {
          region: 'us-east-1',
          service: 'kms',
          host: `127.0.0.1:${port}`,
          target: 'TrentService.Sign',
          contentType: 'application/x-amz-json-1.1',
          userAgent: 'test',
        },
        provide: (options) => provide(options),
        clock,
      },
      { timeout: 5_000, hedging: false },
      new SdkRequests(client, keyArn, 5_000),
      { now: () => now, retryDelay: () => (patient ? 1 : Infinity) },
    );
  });
  afterEach(() => {
    requests.close();
    server.close();
    server.closeAllConnections();
  });

  const sign = (): Promise<SignAnswer> =>
    requests.sign({ algorithm: 'ECDSA_SHA_256', message: new Uint8Array(32) }, undefined);

  it('credentials that the provider has renewed are used from then on; it is asked once a second', async () => {
    answer = () => ({ status: 200, body: good });
    await sign();
    provide = () => Promise.resolve({ accessKeyId: 'AKIANEW', secretAccessKey: 'secret' });
    now = 999;
    await sign();
    now = 1_000;
    await sign();
    expect(asked).to.deep.equal(['AKIAOLD', 'AKIAOLD', 'AKIANEW']);
  });

  it('an idle connection that is reset as it is used costs no patience: the request is sent again at once', async () => {
    patient = false; // Another attempt that waits is one too many.
    answer = () => ({ status: 200, body: good });
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    await sign();
    const [idle] = await accepted;
    const signed = sign(); // It is written now, and the other end is gone before it has looked.
    idle.resetAndDestroy();
    await signed;
    expect(asked).to.have.lengthOf(2);
    answer = () => ({ status: 503, body: '' });
    expect(await rejectionOf(sign())).to.include({ name: 'HTTP 503' });
    expect(asked).to.have.lengthOf(3);
  });

  it('expired credentials: they are renewed once for all, and each signature is made', async () => {
    let renewals = 0;
    provide = async (options) => {
      if (options?.forceRefresh === true) renewals += 1;
      return { accessKeyId: renewals > 0 ? 'AKIANEW' : 'AKIAOLD', secretAccessKey: 'secret' };
    };
    answer = ({ headers }) =>
      headers.authorization?.includes('AKIANEW')
        ? { status: 200, body: good }
        : { status: 400, body: '{"__type":"com.amazonaws.kms#ExpiredTokenException"}' };
    const answers = await Promise.all(Array.from({ length: 10 }, sign));
    for (const { signature } of answers) expect(signature).to.deep.equal(Buffer.from([1, 2, 3]));
    expect(renewals).to.equal(1);
    expect(asked.filter((key) => key === 'AKIANEW')).to.have.lengthOf(10);
  });

  it('RequestTimeTooSkewed: the clock is set by the Date of the answer, once', async () => {
    const ahead = 3_600_000;
    answer = ({ headers }) => {
      const date = String(headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)/, '$1-$2-$3:$4:');
      return Math.abs(Date.parse(date) - Date.now() - ahead) < 300_000
        ? { status: 200, body: good }
        : {
            status: 400,
            body: '{"__type":"RequestTimeTooSkewed","message":"too far"}',
            headers: { date: new Date(Date.now() + ahead).toUTCString() },
          };
    };
    expect(await sign()).to.include({ keyArn, algorithm: 'ECDSA_SHA_256', requestId: 'r-1' });
    expect(clock.offset).to.be.within(ahead - 2_000, ahead + 2_000);
    await sign();
    expect(asked).to.have.lengthOf(3);
  });

  it('InvalidSignatureException with the right clock is final', async () => {
    answer = () => ({ status: 400, body: '{"__type":"InvalidSignatureException","message":"no"}' });
    expect(await rejectionOf(sign())).to.include({ name: 'InvalidSignatureException', message: 'no' });
    expect(asked).to.have.lengthOf(1);
  });

  for (const [what, status, body, attempts, name] of [
    ['a load balancer without a KMS behind it', 503, '<html>', 3, 'HTTP 503'],
    ['a throttle by status alone', 429, '', 3, 'HTTP 429'],
    [
      'a refusal that passes by itself',
      400,
      '{"__type":"KeyUnavailableException"}',
      3,
      'KeyUnavailableException',
    ],
    ['a refusal that does not', 400, '{"__type":"AccessDeniedException"}', 1, 'AccessDeniedException'],
    ['a refusal that nobody knows', 400, '{"__type":"NewException"}', 1, 'NewException'],
  ] as const) {
    it(`${what}: ${attempts === 1 ? 'no other attempt' : `${attempts} attempts`}`, async () => {
      answer = () => ({ status, body });
      expect(await rejectionOf(sign())).to.include({ name });
      expect(asked).to.have.lengthOf(attempts);
    });
  }

  it('an answer that cannot be read is left to the AWS SDK, and if it can, all that follow for a while', async () => {
    answer = ({ headers }) =>
      headers.authorization?.includes('AKIASDK')
        ? { status: 200, body: good }
        : { status: 403, body: 'a proxy says no' };
    expect(await sign()).to.include({ keyArn });
    await sign();
    expect(asked).to.deep.equal(['AKIAOLD', 'AKIASDK', 'AKIASDK']);
  });

  it('a text in another alphabet arrives as it is', async () => {
    answer = () => ({ status: 400, body: '{"__type":"ValidationException","message":"schlüssel"}' });
    expect(await rejectionOf(sign())).to.include({ message: 'schlüssel' });
  });
});
