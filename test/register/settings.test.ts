import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readSettings, resolveVariables } from '../../lib/register/settings.ts';

const least = { S2N_PKEY_CERT: 'cert.pem', S2N_PKEY_KEY_ID: 'alias/site' };

const unwarned = (message: string): void => {
  expect.fail(`it warned: ${message}`);
};

describe('the settings of s2n-pkey/register', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 's2n-pkey-settings-'))));
  after(() => rmSync(folder, { recursive: true }));

  function config(text: string): NodeJS.ProcessEnv {
    writeFileSync(join(folder, 'settings.json'), text);
    return { S2N_PKEY_CONFIG: 'settings.json' };
  }

  it('come from variables, paths relative to the current folder', () => {
    const given = {
      ...{ ...least, S2N_PKEY_REGION: 'eu-west-1', S2N_PKEY_ENDPOINT: 'http://127.0.0.1:1' },
      ...{ S2N_PKEY_HTTPS_PORTS: '3000, 8080', S2N_PKEY_SECURITY_POLICY: 'default_tls13' },
      ...{ S2N_PKEY_HANDSHAKE_TIMEOUT: '5000', S2N_PKEY_ADDON: 'elsewhere.node', PATH: '/bin' },
    };
    expect(readSettings(given, '/srv', unwarned)).to.deep.equal({
      ...{ cert: '/srv/cert.pem', keyId: 'alias/site', region: 'eu-west-1', endpoint: 'http://127.0.0.1:1' },
      ...{ httpsPorts: [3000, 8080], securityPolicy: 'default_tls13', handshakeTimeout: 5000 },
    });
  });

  it('name the balancers whose PROXY protocol headers are read, in a variable and in a file', () => {
    const proxyProtocol = { from: ['10.0.0.0/8', 'unix'], required: false };
    const given = JSON.stringify(proxyProtocol);
    const inVariable = { ...least, S2N_PKEY_PROXY_PROTOCOL: given };
    expect(readSettings(inVariable, '/srv', unwarned)).to.deep.include({ proxyProtocol });
    const inFile = config(`{ "cert": "c", "keyId": "alias/site", "proxyProtocol": ${given} }`);
    expect(readSettings(inFile, folder, unwarned)).to.deep.include({ proxyProtocol });
    for (const [wrong, message] of [
      ['10.0.0.0/8', /S2N_PKEY_PROXY_PROTOCOL: expected JSON/],
      ['{}', /S2N_PKEY_PROXY_PROTOCOL.from: expected a list/],
      ['{"from":["balancer"]}', /S2N_PKEY_PROXY_PROTOCOL.from\[0\]: expected an address/],
    ] as const) {
      const refused = { ...least, S2N_PKEY_PROXY_PROTOCOL: wrong };
      expect(() => readSettings(refused, '/srv')).to.throw(message);
    }
  });

  it('come from a file, with paths relative to it, and a variable overrides it', () => {
    const text =
      '{ "cert": "cert.pem", "localKey": "/key.pem", "httpsPorts": [3000], "handshakeTimeout": 1 }';
    const given = { ...config(text), S2N_PKEY_HTTPS_PORTS: '443' };
    expect(readSettings(given, folder, unwarned)).to.deep.equal({
      ...{ cert: join(folder, 'cert.pem'), localKey: '/key.pem', httpsPorts: [443], handshakeTimeout: 1 },
    });
  });

  it('have the form of a file in variables, too: numbers, switches, lists, and JSON', () => {
    const given = {
      ...{ S2N_PKEY_CERT: 'cert.pem', S2N_PKEY_CA: 'ca.pem', S2N_PKEY_TICKET_KEYS: '/keys' },
      S2N_PKEY_SIGNER: '{ "vault": { "key": "site", "tokenFile": "token" } }',
      S2N_PKEY_SIGNATURE_LIMITS: '{ "perSecond": 50 }',
      ...{ S2N_PKEY_REQUEST_CERT: 'true', S2N_PKEY_REJECT_UNAUTHORIZED: 'false' },
      ...{ S2N_PKEY_MIN_VERSION: 'TLSv1.3', S2N_PKEY_SESSION_TIMEOUT: '300' },
    };
    const { signer, signatureLimits, ...others } = readSettings(given, '/srv', unwarned);
    expect(others).to.deep.equal({
      ...{ cert: '/srv/cert.pem', ca: '/srv/ca.pem', ticketKeys: '/keys', httpsPorts: [] },
      ...{ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3', sessionTimeout: 300 },
    });
    expect(signer?.vault).to.include({ key: 'site', tokenFile: '/srv/token', mount: 'transit' });
    expect(signatureLimits).to.include({ perSecond: 50 });
    const off = readSettings({ ...least, S2N_PKEY_SIGNATURE_LIMITS: 'false' }, '/srv', unwarned);
    expect(off.signatureLimits).to.equal(false);
  });

  it('name their files for child processes in other folders', () => {
    const environment: NodeJS.ProcessEnv = {
      ...{ S2N_PKEY_CERT: 'cert.pem', S2N_PKEY_CONFIG: 'a.json', S2N_PKEY_KEY_ID: 'alias/site' },
      S2N_PKEY_SIGNER: '{"localKey":{"file":"key.pem"}}',
    };
    resolveVariables(environment, '/srv');
    expect(environment).to.deep.equal({
      ...{ S2N_PKEY_CERT: '/srv/cert.pem', S2N_PKEY_CONFIG: '/srv/a.json', S2N_PKEY_KEY_ID: 'alias/site' },
      S2N_PKEY_SIGNER: '{"localKey":{"file":"/srv/key.pem"}}',
    });
  });

  it('do not include unknown variables, which cause a warning with the nearest name', () => {
    const warnings: string[] = [];
    const given = { ...least, S2N_PKEY_CRET: 'c', S2N_PKEY_HTTP_PORT_LIST: '1' };
    const settings = readSettings(given, '/srv', (message) => warnings.push(message));
    expect(settings).to.deep.equal({ cert: '/srv/cert.pem', keyId: 'alias/site', httpsPorts: [] });
    expect(warnings).to.have.lengthOf(2);
    expect(warnings[0]).to.match(/no setting S2N_PKEY_CRET: .* S2N_PKEY_CERT$/);
    expect(warnings[1]).to.match(/no setting S2N_PKEY_HTTP_PORT_LIST: .* S2N_PKEY_HTTPS_PORTS$/);
  });

  it('do not include variables of Kubernetes for a Service s2n-pkey, or others of this package, without a warning', () => {
    const given = {
      ...least,
      S2N_PKEY_SERVICE_HOST: '10.0.0.1',
      S2N_PKEY_SERVICE_PORT: '443',
      S2N_PKEY_SERVICE_PORT_HTTPS: '443',
      S2N_PKEY_PORT: 'tcp://10.0.0.1:443',
      S2N_PKEY_PORT_443_TCP: 'tcp://10.0.0.1:443',
      S2N_PKEY_PORT_443_TCP_PROTO: 'tcp',
      S2N_PKEY_PORT_443_TCP_PORT: '443',
      S2N_PKEY_PORT_443_TCP_ADDR: '10.0.0.1',
      S2N_PKEY_SITE_SERVICE_HOST: '10.0.0.1',
      S2N_PKEY_PKCS11_PIN: '1234',
      S2N_PKEY_ADDON: 'elsewhere.node',
    };
    expect(readSettings(given, '/srv', unwarned)).to.have.property('keyId', 'alias/site');
  });

  const refusals: [string, () => NodeJS.ProcessEnv, RegExp][] = [
    ['nothing', () => ({}), /^S2N_PKEY_CERT is missing/],
    ['no key', () => ({ S2N_PKEY_CERT: 'c' }), /S2N_PKEY_KEY_ID.*S2N_PKEY_LOCAL_KEY.*one is missing/],
    ['two keys', () => ({ ...least, S2N_PKEY_LOCAL_KEY: 'k' }), /S2N_PKEY_LOCAL_KEY.*both are given/],
    [
      'an empty value',
      () => ({ ...least, S2N_PKEY_REGION: '' }),
      /^S2N_PKEY_REGION: expected the name of an AWS Region/,
    ],
    [
      'ports that are none',
      () => ({ ...least, S2N_PKEY_HTTPS_PORTS: '80,x' }),
      /^S2N_PKEY_HTTPS_PORTS\[1\]: .*'x'/,
    ],
    ['no port', () => ({ ...least, S2N_PKEY_HTTPS_PORTS: '' }), /^S2N_PKEY_HTTPS_PORTS\[0\]: /],
    ['port 0', () => ({ ...least, S2N_PKEY_HTTPS_PORTS: '0' }), /^S2N_PKEY_HTTPS_PORTS\[0\]: /],
    [
      'no time',
      () => ({ ...least, S2N_PKEY_HANDSHAKE_TIMEOUT: '1s' }),
      /^S2N_PKEY_HANDSHAKE_TIMEOUT: .*milliseconds/,
    ],
    [
      'a passphrase for no key',
      () => ({ ...least, S2N_PKEY_LOCAL_KEY_PASSPHRASE: 'secret' }),
      /^S2N_PKEY_LOCAL_KEY_PASSPHRASE is for S2N_PKEY_LOCAL_KEY/,
    ],
    [
      'a region for a local key',
      () => ({ S2N_PKEY_CERT: 'c', S2N_PKEY_LOCAL_KEY: 'k', S2N_PKEY_REGION: 'r' }),
      /^S2N_PKEY_REGION is for S2N_PKEY_KEY_ID/,
    ],
    [
      'no JSON for a key store',
      () => ({ S2N_PKEY_CERT: 'c', S2N_PKEY_SIGNER: '{"kms"' }),
      /^S2N_PKEY_SIGNER: expected JSON/,
    ],
    [
      'an option of a key store',
      () => ({ S2N_PKEY_CERT: 'c', S2N_PKEY_SIGNER: '{"kms":{"keyID":"x"}}' }),
      /^S2N_PKEY_SIGNER\.kms\.keyID: expected 'keyId'/,
    ],
    [
      'a key store beside a key',
      () => ({ ...least, S2N_PKEY_SIGNER: '{"kms":{"keyId":"alias/x"}}' }),
      /S2N_PKEY_SIGNER.*both are given/,
    ],
    [
      'no switch',
      () => ({ ...least, S2N_PKEY_REQUEST_CERT: 'yes' }),
      /^S2N_PKEY_REQUEST_CERT: expected true or false/,
    ],
    [
      'no version',
      () => ({ ...least, S2N_PKEY_MIN_VERSION: 'TLSv1.1' }),
      /^S2N_PKEY_MIN_VERSION: expected 'TLSv1\.2'/,
    ],
    [
      'a limit in a file',
      () => config('{ "signatureLimits": { "perSecond": 0 } }'),
      /^signatureLimits\.perSecond: .*given 0 \(in .*settings\.json\)$/,
    ],
    [
      "a wrong entry of the signer's service in the same file",
      () => config('{ "service": { "mode": 1 } }'),
      /^service\.mode: expected permissions/,
    ],
    [
      'no such file',
      () => ({ S2N_PKEY_CONFIG: 'missing.json' }),
      /^S2N_PKEY_CONFIG: .*missing\.json could not be read/,
    ],
    ['a file that is no JSON', () => config('{'), /^S2N_PKEY_CONFIG: .* as JSON/],
    [
      'a file of something else',
      () => config('[]'),
      /^S2N_PKEY_CONFIG: .*settings\.json: expected an object/,
    ],
    [
      'an unknown entry',
      () => config('{ "certificate": "c" }'),
      /no setting certificate \(in .*settings\.json\)/,
    ],
    [
      'an entry of another kind',
      () => config('{ "cert": 1 }'),
      /^cert: expected the path.*given a number \(in .*settings\.json\)$/,
    ],
  ];
  for (const [what, environment, message] of refusals) {
    it(`are refused by name: ${what}`, () => {
      expect(() => readSettings(environment(), folder, unwarned))
        .to.throw(message)
        .with.property('code', 'ERR_S2N_PKEY_REGISTER');
    });
  }

  it('are refused without showing a passphrase', () => {
    const given = config('{ "localKeyPassphrase": ["topsecret"] }');
    expect(() => readSettings(given, folder, unwarned))
      .to.throw(/^localKeyPassphrase/)
      .and.not.match(/topsecret/);
  });
});
