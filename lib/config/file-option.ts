import { resolve } from 'node:path';
import { group } from '../options/kinds.ts';
import { isOptionsObject, type Option, type OptionValues, type Schema } from '../options/option.ts';

/** The options that are paths of files, which start at the folder of the file of settings. */
const paths = new WeakSet<Option<unknown>>();

/** The path of a file. */
export function file(what: string): Option<string | undefined> {
  const option: Option<string | undefined> = {
    ...{ type: 'string', expected: `the path of ${what}`, isSecret: true, json: { minLength: 1 } },
    fits: (value) => typeof value === 'string' && /^[^\0]+$/.test(value) && !value.includes('-----BEGIN'),
  };
  paths.add(option);
  return option;
}

export function requiredFile(what: string): Option<string> {
  const option = { ...(file(what) as Option<string>), isRequired: true };
  paths.add(option);
  return option;
}

/** Options of which one is given. */
export function oneOf<Members extends Schema>(
  members: Members,
  expected: string,
): Option<OptionValues<Members> | undefined> {
  return {
    ...group(members, expected),
    json: { minProperties: 1, maxProperties: 1 },
    fits: (value) =>
      isOptionsObject(value) && Object.values(value).filter((each) => each !== undefined).length === 1,
  };
}

/** The same options, with the paths of files made absolute. What is not as the schema wants stays as it is. */
export function resolveFiles(schema: Schema, options: object, folder: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]: [string, unknown]) => {
      const option = Object.hasOwn(schema, name) ? schema[name] : undefined;
      if (option?.members !== undefined && isOptionsObject(value)) {
        return [name, resolveFiles(option.members, value, folder)];
      }
      const isPath = option !== undefined && paths.has(option);
      return [name, isPath && option.fits(value) ? resolve(folder, String(value)) : value];
    }),
  );
}
