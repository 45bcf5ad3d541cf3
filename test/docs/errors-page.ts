import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import { backendCodes } from '../../lib/error-codes/backends.ts';
import { connectionCodes } from '../../lib/error-codes/connections.ts';
import { kmsCodes } from '../../lib/error-codes/kms.ts';
import type { CodeTable } from '../../lib/error-codes/row.ts';
import { setupCodes } from '../../lib/error-codes/setup.ts';

export const errorsPage = fileURLToPath(new URL('../../docs/api/errors.md', import.meta.url));

const tables: Readonly<Record<string, CodeTable>> = { connectionCodes, setupCodes, kmsCodes, backendCodes };

/** docs/api/errors.md with the sections that lib/error-codes/ determines, written anew. */
export async function generatedErrorsPage(): Promise<string> {
  const page = readFileSync(errorsPage, 'utf8').replaceAll(
    /(<!-- generated from (\w+) -->\n)[\s\S]*?(?=<!-- end of generated -->)/g,
    (_, opening: string, name: string) => `${opening}\n${sectionsOf(tables[name] ?? {})}\n`,
  );
  return await prettier.format(page, { ...(await prettier.resolveConfig(errorsPage)), parser: 'markdown' });
}

function sectionsOf(table: CodeTable): string {
  return Object.entries(table)
    .map(([code, [errorClass, when, whatToDo]]) => {
      const classes = errorClass.replaceAll(/\w+/g, '`$&`').replaceAll(', ', ' or ');
      return `### ${code}\n\n${classes}. ${when}\n\n**What to do:** ${whatToDo}\n`;
    })
    .join('\n');
}
