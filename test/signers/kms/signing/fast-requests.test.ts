import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { FastRequests } from '../../../../lib/signers/kms/signing/fast-requests.ts';
import type { CredentialsProvider } from '../../../../lib/signers/kms/signing/sigv4.ts';
import { SdkRequests } from '../../../../lib/signers/kms/signing/sdk-requests.ts';
import type {
  SignAnswer,
  SigningLimits,
  SignRequests,
} from '../../../../lib/signers/kms/signing/sign-requests.ts';
import { when } from '../../../fixtures/when.ts';
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
  let hold: ((respond: () => void) => void) | undefined;
  let limits: SigningLimits;
  let sdk: SdkRequests;
  let open: () => void;

  beforeEach(async () => {
    asked = [];
    clock.offset = 0;
    now = 0;
    patient = true;
    provide = () => Promise.resolve({ accessKeyId: 'AKIAOLD', secretAccessKey: 'secret' });
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        asked.push(/Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
        const respond = (): void => {
          const { status, body, headers = {} } = answer(request);
          response.writeHead(status, { 'x-amzn-requestid': 'r-1', ...headers }).end(body);
        };
        if (hold === undefined) respond();
        else hold(respond);
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
    limits = { timeout: 5_000, hedging: false };
    sdk = new SdkRequests(client, keyArn, 5_000);
    open = () => {
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
        limits,
        sdk,
        { now: () => now, retryDelay: () => (patient ? 1 : Infinity) },
      );
    };
    open();
  });
  afterEach(() => {
    requests.close();
    server.close();
    server.closeAllConnections();
  });

  const operation = {
    algorithm: 'ECDSA_SHA_256',
    messageType: 'DIGEST',
    message: new Uint8Array(32),
  } as const;
  const sign = (): Promise<SignAnswer> => requests.sign(operation, undefined);

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

  describe('an aborted signature', () => {
    let connections: number;
    let held: (() => void)[];
    beforeEach(() => {
      connections = 0;
      held = [];
      server.on('connection', () => (connections += 1));
      hold = (respond) => held.push(respond);
      answer = () => ({ status: 200, body: good });
    });
    afterEach(() => {
      hold = undefined;
    });

    for (const [way, ask] of [
      ['the fast way', () => requests],
      ['by way of the SDK', () => sdk],
    ] as const) {
      it(`${way}: is pending until the response to what was sent is in, and its connection serves the next`, async () => {
        const { signed, abort, isPending } = asking(ask());
        await requested(1);
        abort();
        await turn();
        expect(isPending()).to.equal(true);
        held.shift()?.();
        await signed;
        await turn();
        hold = undefined;
        await ask().sign(operation, undefined);
        expect({ connections, asked: asked.length }).to.deep.equal({ connections: 1, asked: 2 });
      });

      it(`${way}: is not asked for again after a failure`, async () => {
        const { signed, abort } = asking(ask());
        await requested(1);
        answer = () => ({ status: 503, body: '' });
        abort();
        held.shift()?.();
        expect(await signed).to.be.instanceOf(Error);
        expect(asked).to.have.lengthOf(1);
      });
    }

    it('ends with its connection where no response comes in the time of an attempt', async () => {
      limits = { timeout: 200, hedging: false };
      open();
      const closed = once(server, 'connection').then(([socket]) => once(socket as Socket, 'close'));
      const { signed, abort } = asking(requests);
      await requested(1);
      const startedAt = performance.now();
      abort();
      expect(await signed).to.be.instanceOf(Error);
      expect(performance.now() - startedAt).to.be.lessThan(2_000);
      await closed;
    });

    function asking(ask: SignRequests): {
      signed: Promise<unknown>;
      abort: () => void;
      isPending: () => boolean;
    } {
      const controller = new AbortController();
      let isPending = true;
      const signed = ask
        .sign(operation, controller.signal)
        .catch((error: unknown) => error)
        .finally(() => (isPending = false));
      return {
        signed,
        abort: () => controller.abort(new Error('the client left')),
        isPending: () => isPending,
      };
    }
    function requested(count: number): Promise<unknown> {
      return when(
        'requests',
        () => held.length,
        (seen) => seen === count,
      );
    }
  });

  for (const [what, broken] of [
    ['a clock that is none', () => (clock.offset = NaN)],
    ['a session token that cannot be a header', () => credentialsWith({ sessionToken: 'a\r\nb' })],
    ['a secret that is none', () => credentialsWith({ secretAccessKey: undefined })],
    ['credentials that are none', () => (provide = () => Promise.resolve(null) as never)],
  ] as const) {
    it(`a request that cannot be made because of ${what} fails its signature, and nothing else`, async () => {
      answer = () => ({ status: 200, body: good });
      broken();
      expect(await rejectionOf(sign())).to.be.instanceOf(Error);
      clock.offset = 0;
      credentialsWith({});
      now += 1_000;
      expect(await sign()).to.include({ keyArn });
      expect(asked).to.have.lengthOf(1);
    });
  }

  it('an empty session token is none', async () => {
    const tokens: unknown[] = [];
    answer = ({ headers }) => {
      tokens.push(headers['x-amz-security-token']);
      return { status: 200, body: good };
    };
    credentialsWith({ sessionToken: '' });
    await sign();
    expect(tokens).to.deep.equal([undefined]);
  });

  function credentialsWith(more: object): void {
    provide = () => Promise.resolve({ accessKeyId: 'AKIANEW', secretAccessKey: 'secret', ...more });
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
