// A process that loads the addon and prints, as JSON, what it exports or the error. LOAD_ADDON_FROM names a folder to put a
// copy of the package's sources in, and to load them from there.
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as AddonModule from '../../lib/native/addon.ts';

function packageFolder(): string {
  const checkout = fileURLToPath(new URL('../../', import.meta.url));
  const copy = process.env['LOAD_ADDON_FROM'];
  if (!copy) return checkout;
  cpSync(join(checkout, 'lib'), join(copy, 'lib'), { recursive: true });
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');
  return copy;
}

function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return { name, message, code, cause: cause instanceof Error ? cause.message : undefined };
}

async function main(): Promise<void> {
  const file = join(packageFolder(), 'lib', 'native', 'addon.ts');
  const module = (await import(pathToFileURL(file).href)) as typeof AddonModule;
  try {
    console.log(JSON.stringify({ exports: Object.keys(module.addon()) }));
  } catch (error) {
    console.log(JSON.stringify(describeError(error)));
  }
}

void main();
