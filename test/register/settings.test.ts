import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readSettings } from '../../lib/register/settings.ts';

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

  it('come from a file, with paths relative to it, and a variable overrides it', () => {
    const text =
      '{ "cert": "cert.pem", "localKey": "/key.pem", "httpsPorts": [3000], "handshakeTimeout": 1 }';
    const given = { ...config(text), S2N_PKEY_HTTPS_PORTS: '443' };
    expect(readSettings(given, folder, unwarned)).to.deep.equal({
      ...{ cert: join(folder, 'cert.pem'), localKey: '/key.pem', httpsPorts: [443], handshakeTimeout: 1 },
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
    ['an empty value', () => ({ ...least, S2N_PKEY_REGION: '' }), /^S2N_PKEY_REGION: expected a text/],
    [
      'ports that are none',
      () => ({ ...least, S2N_PKEY_HTTPS_PORTS: '80,x' }),
      /^S2N_PKEY_HTTPS_PORTS: .*'80,x'/,
    ],
    ['no port', () => ({ ...least, S2N_PKEY_HTTPS_PORTS: '' }), /^S2N_PKEY_HTTPS_PORTS: /],
    ['port 0', () => ({ ...least, S2N_PKEY_HTTPS_PORTS: '0' }), /^S2N_PKEY_HTTPS_PORTS: /],
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
      'no such file',
      () => ({ S2N_PKEY_CONFIG: 'missing.json' }),
      /^S2N_PKEY_CONFIG: .*missing\.json could not be read/,
    ],
    ['a file that is no JSON', () => config('{'), /^S2N_PKEY_CONFIG: .* as JSON/],
    ['a file of something else', () => config('[]'), /^S2N_PKEY_CONFIG: expected an object/],
    [
      'an unknown entry',
      () => config('{ "certificate": "c" }'),
      /no setting certificate \(in .*settings\.json\)/,
    ],
    [
      'an entry of another kind',
      () => config('{ "cert": 1 }'),
      /^cert \(in .*settings\.json\): expected a text.*given a number$/,
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
