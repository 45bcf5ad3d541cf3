import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { schemaTitle } from '../../lib/cli/config.ts';
import { configSchema, loadConfigEntries, readConfig, type Config } from '../../lib/config/config-schema.ts';
import { jsonSchemaOf, type JsonSchema } from '../../lib/config/json-schema.ts';
import { openBackend } from '../../lib/config/backends.ts';
import { isOptionsObject, type Option, type Schema } from '../../lib/options/option.ts';
import { needs } from '../fixtures/needs.ts';
import { identity } from '../fixtures/identity.ts';

const canary = 'Kanarienvogel7';

describe('A file of settings', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 's2n-config-'))));
  after(() => rmSync(folder, { recursive: true }));

  function read(text: string, name = 'settings.json'): Config {
    writeFileSync(join(folder, name), text);
    return readConfig(loadConfigEntries(join(folder, name)));
  }

  it('has the paths of its files relative to its own folder', () => {
    const settings = {
      $schema: './node_modules/s2n-pkey/docs/config.schema.json',
      cert: 'cert.pem',
      signer: { vault: { key: 'site', tokenFile: '../token' } },
      service: { socket: '/run/site.sock' },
    };
    const { cert, signer, service } = read(JSON.stringify(settings));
    expect(cert).to.equal(join(folder, 'cert.pem'));
    expect(signer?.vault?.tokenFile).to.equal(join(folder, '..', 'token'));
    expect(service?.socket).to.equal('/run/site.sock');
  });

  it('opens the key of its backend', async () => {
    writeFileSync(join(folder, 'key.pem'), identity('P-256').key);
    const { signer } = read('{ "signer": { "localKey": { "file": "key.pem" } } }');
    expect(signer && (await openBackend(signer)).schemes).to.deep.include('ecdsa_secp256r1_sha256');
  });

  describe('in YAML', () => {
    needs('yaml');

    it('says the same', () => {
      const text =
        'cert: cert.pem # of the site\nsigner:\n  kms: { keyId: alias/site }\nhttpsPorts: [8443]\n';
      const { cert, signer, httpsPorts } = read(text, 'settings.yaml');
      expect(cert).to.equal(join(folder, 'cert.pem'));
      expect(signer?.kms?.keyId).to.equal('alias/site');
      expect(httpsPorts).to.deep.equal([8443]);
    });

    for (const [what, text, message] of [
      ['an entry twice', `cert: a\ncert: ${canary}\n`, /settings\.yml could not be read as YAML, line 2/],
      ['no YAML', `cert: "${canary}\n`, /could not be read as YAML, line/],
      ['an alias of nothing', 'cert: *none\n', /could not be read as YAML/],
      ['a list', `- ${canary}\n`, /expected an object of settings/],
    ] as const) {
      it(`is refused by its line, and without its text: ${what}`, () => {
        expect(() => read(text, 'settings.yml'))
          .to.throw(message)
          .and.not.match(new RegExp(canary));
      });
    }
  });

  for (const [what, text, message] of [
    ['an unknown entry', '{ "certificate": "c" }', /^certificate: expected/],
    [
      'an unknown entry of a section',
      '{ "signer": { "kms": { "keyID": "x" } } }',
      /^signer\.kms\.keyID: expected 'keyId'/,
    ],
    ['no backend', '{ "signer": {} }', /^signer: expected an object with one of kms, vault/],
    [
      'two backends',
      '{ "signer": { "kms": { "keyId": "a" }, "azure": {} } }',
      /^signer: expected an object with one/,
    ],
    ['a key that is missing', '{ "signer": { "vault": {} } }', /^signer\.vault\.key: expected/],
    ['a port', '{ "httpsPorts": [8443, 0] }', /^httpsPorts\[1\]: expected a whole number from 1 to 65535/],
    ['a mode', '{ "service": { "mode": 432 } }', /^service\.mode: expected permissions as a text/],
    [
      'an address',
      '{ "service": { "metrics": "9464" } }',
      /^service\.metrics: expected an address and a port/,
    ],
    ['a limit', '{ "signatureLimits": { "perSecond": 0 } }', /^signatureLimits\.perSecond: expected/],
    ['a user', '{ "service": { "allow": { "uids": ["root"] } } }', /^service\.allow\.uids\[0\]: expected/],
    ['no JSON', `{ "localKeyPassphrase": "${canary}" x`, /settings\.json could not be read as JSON/],
    ['a PEM as a path', '{ "localKey": "-----BEGIN PRIVATE KEY-----" }', /^localKey: expected the path/],
  ] as const) {
    it(`is refused by name: ${what}`, () => {
      expect(() => read(text))
        .to.throw(message)
        .and.not.match(new RegExp(canary));
    });
  }

  it('that is none is refused with its path', () => {
    expect(() => loadConfigEntries(join(folder, 'none.json'))).to.throw(
      /none\.json could not be read: ENOENT/,
    );
    expect(() => loadConfigEntries('/dev/zero')).to.throw(/\/dev\/zero/);
  });
});

describe('The JSON Schema of a file of settings', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../docs/config.schema.json', import.meta.url), 'utf8'),
  ) as JsonSchema;

  it('in docs/ is the one that the options make (npm run docs writes it)', () => {
    expect(schema).to.deep.equal(jsonSchemaOf(schemaTitle, configSchema));
  });

  it('has each option, with its bounds, and takes no other', () => {
    let count = 0;
    const compare = (options: Schema, described: JsonSchema, place: string): void => {
      const properties = described['properties'] as Record<string, JsonSchema>;
      expect(Object.keys(properties), place).to.deep.equal(Object.keys(options));
      expect(described['additionalProperties'], place).to.equal(false);
      for (const [name, option] of Object.entries(options)) {
        count++;
        compareOption(option, properties[name] ?? {}, `${place}.${name}`);
      }
    };
    const compareOption = (option: Option<unknown>, described: JsonSchema, place: string): void => {
      const { members } = option;
      const fits = (value: unknown): boolean => option.fits(value);
      if (members) {
        const [, whole] = (described['anyOf'] as JsonSchema[] | undefined) ?? [undefined, described];
        compare(members, whole ?? {}, place);
        return;
      }
      const { minimum, maximum, enum: choices } = described as Record<string, unknown>;
      if (typeof minimum === 'number') expect(fits(minimum - 1), `${place} below`).to.equal(false);
      if (typeof maximum === 'number') expect(fits(maximum + 1), `${place} above`).to.equal(false);
      for (const choice of (choices ?? []) as unknown[]) expect(fits(choice), place).to.equal(true);
      const { default: fallback } = described;
      if (fallback !== undefined) expect(isOptionsObject(fallback) || fits(fallback), place).to.equal(true);
    };
    const { $schema: own, ...properties } = schema['properties'] as Record<string, JsonSchema>;
    expect(own).to.deep.equal({ type: 'string' });
    compare(configSchema, { ...schema, properties }, 'settings');
    expect(count).to.be.above(60);
  });
});
