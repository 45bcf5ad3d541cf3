import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import type * as sdk from '@aws-sdk/client-kms';
import { KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import type { KmsSignerOptions } from '../../../../lib/signers/kms/kms-signer.ts';
import { rejectionOf } from '../../rejection.ts';
import { signingKey } from './signing-key.ts';

/** The SDK loaded once more, as where a dependency has one of its own. */
function anotherCopy(): typeof sdk {
  const require = createRequire(import.meta.url);
  const loaded = { ...require.cache };
  for (const name of Object.keys(loaded))
    if (/\/@(aws-sdk|smithy)\//.test(name)) Reflect.deleteProperty(require.cache, name);
  try {
    return require('@aws-sdk/client-kms') as typeof sdk;
  } finally {
    Object.assign(require.cache, loaded);
  }
}

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

  it('the fast way by default', async () => {
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

  it("the fast way with a client of another copy of the SDK than this package's", async () => {
    const { KMSClient: Other } = anotherCopy();
    expect(Other).not.to.equal(KMSClient);
    const client = new Other(kms().clientOptions);
    clients.push(client);
    const signer = await open({ client });
    expect(signer.sdkReason).to.equal(undefined);
    await signs(signer);
    const told = new Other({ ...kms().clientOptions, maxAttempts: 1 });
    clients.push(told);
    expect((await open({ client: told })).sdkReason).to.include("'maxAttempts'");
  });

  it('by way of the SDK with a client whose send() is another', async () => {
    const client = clientWith({});
    let sent = 0;
    const send: unknown = Reflect.get(client, 'send');
    client.send = ((...args: unknown[]): unknown => {
      sent += 1;
      return Reflect.apply(send as () => unknown, client, args);
    }) as typeof client.send;
    const signer = await open({ client });
    expect(signer.sdkReason).to.include('send()');
    sent = 0;
    await signs(signer);
    expect(sent).to.equal(1);
  });

  it('warns once of each reason to take the way of the SDK, and not where that was asked for', async () => {
    const warnings: { code?: string; message: string }[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    try {
      // Middleware of a name that no other test uses, since each reason is told once in a process.
      const client = clientWith({});
      client.middlewareStack.add((next) => (args) => next(args), { step: 'build', name: 'warnedOf' });
      for (let i = 0; i < 2; i++) await open({ client });
      await open({ client: clientWith({}), requests: 'sdk' });
      await turn();
    } finally {
      process.off('warning', note);
    }
    const ours = warnings.filter(({ code }) => code === 'S2N_PKEY_KMS_SDK');
    expect(ours.map(({ message }) => message.includes('warnedOf'))).to.deep.equal([true]);
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

  for (const [name, value, fast] of [
    ['AWS_MAX_ATTEMPTS', '1', true],
    ['AWS_RETRY_MODE', 'standard', true],
    ['AWS_RETRY_MODE', 'adaptive', true],
    ['AWS_DEFAULTS_MODE', 'standard', true],
    ['AWS_DEFAULTS_MODE', 'in-region', true],
    ['AWS_DEFAULTS_MODE', 'mobile', false],
  ] as const) {
    it(`${fast ? 'the fast way' : 'by way of the SDK'} with a client under ${name}=${value}; without one the fast way, with three attempts`, async () => {
      process.env[name] = value;
      try {
        const signer = await open({ client: clientWith({}) });
        expect(signer.sdkReason === undefined).to.equal(fast);
        await signs(signer);
        const own = await open();
        expect(own.sdkReason).to.equal(undefined);
        await kms().misbehave({ kind: 'throttle', count: 2 });
        await signs(own);
      } finally {
        Reflect.deleteProperty(process.env, name);
      }
    });
  }

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
