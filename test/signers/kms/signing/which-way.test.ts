import { Agent } from 'node:https';
import { KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import type { KmsSignerOptions } from '../../../../lib/signers/kms/kms-signer.ts';
import { rejectionOf } from '../../rejection.ts';
import { signingKey } from './signing-key.ts';

describe('KmsSigner asks for signatures', () => {
  const { kms, arn, open, signs } = signingKey();
  const clients: KMSClient[] = [];
  const clientWith = (config: KMSClientConfig): KMSClient => {
    const client = new KMSClient({ ...kms().clientOptions, ...config });
    clients.push(client);
    return client;
  };
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
  });

  it('the fast way, unless told otherwise', async () => {
    expect(await open()).to.have.property('sdkReason', undefined);
    const told = await open({ requests: 'sdk' });
    expect(told.sdkReason).to.include('requests');
    await signs(told);
  });

  it('the fast way with a client as it comes, and as whom it asks', async () => {
    const { credentials } = kms();
    for (const config of [
      {},
      { credentials: () => Promise.resolve(credentials) },
      { region: async () => 'us-east-1' },
    ]) {
      const signer = await open({ client: clientWith(config) });
      expect(signer.sdkReason).to.equal(undefined);
      await signs(signer);
    }
  });

  it('leaves a client as it is', async () => {
    const client = clientWith({});
    const before = client.middlewareStack.identify();
    await open({ client });
    expect(client.middlewareStack.identify()).to.deep.equal(before);
  });

  // What Node puts into an agent's options by itself differs from release to release: the whole suite runs on each.
  it('the fast way with a client whose agent has nothing but a limit of its own', async () => {
    const httpsAgent = new Agent({ keepAlive: true, maxSockets: 10 });
    const signer = await open({ client: clientWith({ requestHandler: { httpsAgent } }) });
    expect(signer.sdkReason).to.equal(undefined);
    await signs(signer);
  });

  const elsewhere = { defaultPort: 8443 }; // which Node takes, and its types do not know
  const quiet = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  for (const [option, config] of [
    ['maxAttempts', { maxAttempts: 1 }],
    ['retryStrategy', { retryMode: 'adaptive' }],
    ['requestHandler', { requestHandler: { requestTimeout: 1_000 } }],
    ['requestHandler', { requestHandler: { httpsAgent: new Agent({ ca: 'a company' }) } }],
    ['requestHandler', { requestHandler: { httpsAgent: { rejectUnauthorized: true } } }],
    ['requestHandler', { requestHandler: { httpsAgent: new Agent({ keepAlive: true, ...elsewhere }) } }],
    ['requestHandler', { requestHandler: new (class extends NodeHttpHandler {})() }],
    ['logger', { logger: quiet }],
    ['signer', { signer: async () => ({ sign: async () => Promise.reject(new Error('not asked')) }) }],
    ['disableClockSkewCorrection', { disableClockSkewCorrection: true }],
  ] as const satisfies readonly (readonly [string, object])[]) {
    it(`by way of the SDK with a client that has ${option}: ${Object.keys(config).join()}`, async () => {
      const client = clientWith(config);
      const options: Partial<KmsSignerOptions> = { client };
      if (option === 'signer') {
        // It signs nothing, so that a key cannot even be opened with it.
        expect(await rejectionOf(open(options))).to.have.nested.property('cause.message', 'not asked');
        return;
      }
      const signer = await open(options);
      expect(signer.sdkReason).to.include(option);
      await signs(signer);
    });
  }

  it('by way of the SDK with a client that has a middleware, or lacks one', async () => {
    const more = clientWith({});
    more.middlewareStack.add((next) => (args) => next(args), { step: 'build', name: 'ofTheUser' });
    const signer = await open({ client: more });
    expect(signer.sdkReason).to.include('ofTheUser');
    await signs(signer);
    const fewer = clientWith({});
    fewer.middlewareStack.remove('getUserAgentMiddleware');
    expect((await open({ client: fewer })).sdkReason).to.include('middleware');
  });

  it('by way of the SDK where requests have what this package does not know', async () => {
    process.env['AWS_LAMBDA_FUNCTION_NAME'] = 'function';
    process.env['_X_AMZN_TRACE_ID'] = 'Root=1';
    try {
      expect((await open()).sdkReason).to.include('x-amzn-trace-id');
    } finally {
      delete process.env['_X_AMZN_TRACE_ID'];
    }
  });

  it('not at all if that is not what was asked for: by name', async () => {
    const client = clientWith({ maxAttempts: 1 });
    const error = await rejectionOf(open({ client, requests: 'fast' }));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'requests' });
    expect(error).to.have.property('message').that.includes('maxAttempts');
    for (const [option, options] of [
      ['requests', { requests: 'quick' }],
      ['signatureTimeout', { signatureTimeout: 0 }],
      ['signatureTimeout', { signatureTimeout: '5s' }],
      ['hedging', { hedging: true }],
      ['hedging.percentile', { hedging: { percentile: 99 } }],
      ['hedging.share', { hedging: { share: 1 } }],
    ] as const) {
      const refused = await rejectionOf(open({ keyId: arn(), ...(options as object) }));
      expect(refused, JSON.stringify(options)).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
    }
  });
});
