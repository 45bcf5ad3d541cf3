// `npm run docs`: writes what docs/ has of lib/: the parts of docs/api/errors.md that lib/error-codes/ determines, and the JSON Schema
// of files of settings.
import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { schemaTitle } from '../../lib/cli/config.ts';
import { configSchema } from '../../lib/config/config-schema.ts';
import { jsonSchemaOf } from '../../lib/config/json-schema.ts';
import { errorsPage, generatedErrorsPage } from './errors-page.ts';

writeFileSync(errorsPage, await generatedErrorsPage());

const schemaFile = new URL('../../docs/config.schema.json', import.meta.url);
const style = await resolveConfig(schemaFile);
const schema = JSON.stringify(jsonSchemaOf(schemaTitle, configSchema));
writeFileSync(schemaFile, await format(schema, { ...style, parser: 'json' }));
