// `npm run docs`: writes the parts of docs/api/errors.md that lib/error-codes/ determines.
import { writeFileSync } from 'node:fs';
import { errorsPage, generatedErrorsPage } from './errors-page.ts';

writeFileSync(errorsPage, await generatedErrorsPage());
