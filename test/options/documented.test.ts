import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Schema } from '../../lib/options/option.ts';
import { drainSchema } from '../../lib/operate/drain.ts';
import { healthHandlerSchema } from '../../lib/operate/health-handler.ts';
import { healthSchema } from '../../lib/operate/health.ts';
import { azureSchema } from '../../lib/signers/azure/azure-signer.ts';
import { googleSchema } from '../../lib/signers/google/google-signer.ts';
import { kmsSchema } from '../../lib/signers/kms/kms-signer-options.ts';
import { replicasSchema } from '../../lib/signers/kms/replicated-signer.ts';
import { pkcs11Schema } from '../../lib/signers/pkcs11/pkcs11-signer.ts';
import { vaultSchema } from '../../lib/signers/vault/vault-signer.ts';
import { clientSchema } from '../../lib/tls/client/client-options.ts';
import { sessionSchema } from '../../lib/tls/context/session-options.ts';
import { serverSchema } from '../../lib/tls/server/server-options.ts';
import { clientHelloSchema } from '../../lib/tls/handshake/client-hello.ts';

/** Each schema, the page of docs/api that describes its options, and the module of lib/ that declares them. */
const schemas: readonly (readonly [Schema, string, string])[] = [
  [serverSchema, 'create-server', 'tls/server/server-options'],
  [clientHelloSchema, 'create-server', 'tls/handshake/client-hello'],
  [sessionSchema, 'create-server', 'tls/context/session-options'],
  [drainSchema, 'drain', 'operate/drain'],
  [healthSchema, 'health', 'operate/health'],
  [healthHandlerSchema, 'health', 'operate/health-handler'],
  [clientSchema, 'connect', 'tls/client/client-options'],
  [kmsSchema, 'kms-signer', 'signers/kms/kms-signer-options signers/kms/signing/signing-limits'],
  [replicasSchema, 'kms-signer', 'signers/kms/replicated-signer'],
  [azureSchema, 'azure', 'signers/azure/azure-signer'],
  [googleSchema, 'google', 'signers/google/google-signer'],
  [pkcs11Schema, 'pkcs11', 'signers/pkcs11/pkcs11-signer'],
  [vaultSchema, 'vault', 'signers/vault/vault-signer'],
];

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The items of a page's lists that begin with this option's name, with all their lines. */
function itemsOf(page: string, name: string): string[] {
  const items = page.split(/^(?= *- )/m).map((item) => item.replaceAll(/\s+/g, ' '));
  return items.filter((item) => {
    const [names = ''] = item.split('{');
    return (
      names.includes(`\`${name}\``) ||
      names.includes(`\`${name}(`) ||
      new RegExp(`[oO]r \`${name}\` {`).test(item)
    );
  });
}

/** A value as pages and comments write it, without what makes it pretty. */
function plain(text: string): string {
  return text.replaceAll(/[`'"]|(?<=\d),(?=\d{3})/g, '');
}

/** The comment above an option's declaration. */
function commentOf(source: string, name: string): string {
  const [, comment = ''] =
    new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*(?:readonly )?${name}\\??[:(]`).exec(source) ?? [];
  return comment.replaceAll(/\s*\*?\s+/g, ' ');
}

describe('the options of a schema', () => {
  for (const [schema, page, module] of schemas) {
    it(`are on docs/api/${page}.md with their types and defaults, as declared in lib/${module}.ts`, () => {
      const documented = read(`docs/api/${page}.md`);
      const declared = module
        .split(' ')
        .map((each) => read(`lib/${each}.ts`))
        .join('\n');
      for (const [name, { fallback, type }] of Object.entries(schema)) {
        const items = itemsOf(documented, name);
        expect(items, `${page}.md: ${name}`).to.have.length.above(0);
        expect(items.join(' '), `${page}.md: ${name}`).to.contain(`{${type}`);
        const isTold =
          typeof fallback === 'string' || typeof fallback === 'number' || typeof fallback === 'boolean';
        if (!isTold || fallback === '') continue;
        const told = items.map(plain).some((item) => item.includes(`**Default:** ${String(fallback)}`));
        expect(told, `${page}.md: the default of ${name} is ${String(fallback)}`).to.equal(true);
        expect(declared, `${module}: ${name}`).to.match(new RegExp(`\\b${name}\\?:`));
        if (typeof fallback === 'number' && fallback !== 0) {
          expect(plain(commentOf(declared, name)), `${module}: ${name}`).to.contain(String(fallback));
        }
      }
    });
  }
});
