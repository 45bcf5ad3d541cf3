import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The folder of package.json, from `lib/cli` as well as from `dist/lib/cli`. */
export const packageRoot = existsSync(join(folder, 'package.json')) ? folder : dirname(folder);
