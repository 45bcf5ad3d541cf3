// The package's types, as TypeScript programs of each kind see them, with the declarations themselves checked
// (`skipLibCheck: false`); what was compiled is then run.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout, installedPackage } from '../../checkout.mjs';
import { Refusal, lastLines, run } from '../../command.mjs';

const settings = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'preserve', moduleResolution: 'bundler' },
];

/**
 * Compiles the consumer as an ES module and as a CommonJS one under each of the settings, and runs what came out.
 *
 * @returns {Promise<string[]>} what was done, one line each
 */
export async function checkTypes({ folder, files, runNode }) {
  const done = [];
  for (const { module, moduleResolution } of settings) {
    const name = `types-${module}`;
    const source = join(folder, name);
    mkdirSync(source);
    const consumer = inCheckout('scripts', 'package', 'check', 'consumer', 'consumer.ts');
    for (const file of ['consumer.mts', 'consumer.cts']) copyFileSync(consumer, join(source, file));
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'es2023', lib: ['es2023'], types: ['node'], outDir: 'out' },
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, verbatimModuleSyntax: false },
    };
    writeFileSync(join(source, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.?ts'] }));
    const tsc = join(installedPackage('typescript'), 'bin', 'tsc');
    const { ok, output } = await run(process.execPath, [tsc, '-p', source], { cwd: folder });
    if (!ok) throw new Refusal(`TypeScript, module ${module}, found faults:\n${lastLines(output)}`);
    // A bundler is told to keep `import` in CommonJS files too, so that Node itself cannot run those.
    const programs = module === 'preserve' ? ['consumer.mjs'] : ['consumer.mjs', 'consumer.cjs'];
    for (const program of programs) {
      const result = await runNode([join(name, 'out', program), ...files]);
      if (!result.ok)
        throw new Refusal(`TypeScript, module ${module}, ${program}:\n${lastLines(result.output)}`);
      done.push(`module ${module}, ${program}: ${result.output.trim()}`);
    }
  }
  return done;
}
