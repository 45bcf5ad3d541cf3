// An entry of the package for `require`: one more name for the same ES module, so that there is one instance of everything. Node
// would load the module itself, and it is TypeScript that asks for this file: with `"module": "node16"` it lets no CommonJS file
// import a module whose types are an ES module's.
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import ts from 'typescript';

const note = (module) => `// The same instance of everything as \`import\` gives: see ${module}.\n`;

/**
 * Writes `NAME.cjs` and `NAME.d.cts` beside an ES module's `NAME.js` and `NAME.d.ts`.
 *
 * @param {string} declarations the path of `NAME.d.ts`
 */
export function writeCommonJsEntry(declarations) {
  const base = declarations.replace(/\.d\.ts$/, '');
  const module = `${basename(base)}.js`;
  writeFileSync(`${base}.cjs`, `'use strict';\n${note(module)}module.exports = require('./${module}');\n`);
  writeFileSync(`${base}.d.cts`, declarationsFor(declarations, basename(base)));
}

/** Each export under its name, as value, as type or as both: TypeScript can say all of them at once only to an ES module. */
function declarationsFor(declarations, name) {
  const program = ts.createProgram([declarations], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    skipLibCheck: true,
  });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(declarations));
  const lines = checker.getExportsOfModule(module).flatMap((exported) => {
    const { name: exportedName } = exported;
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const declared = [];
    if (symbol.flags & ts.SymbolFlags.Value)
      declared.push(`export declare const ${exportedName}: typeof esm.${exportedName};`);
    if (symbol.flags & ts.SymbolFlags.Type) {
      const { parameters, names } = typeParameters(symbol);
      declared.push(`export type ${exportedName}${parameters} = esm.${exportedName}${names};`);
    }
    return declared;
  });
  const source = `import type * as esm from './${name}.js' with { 'resolution-mode': 'import' };\n`;
  return `${note(`${name}.d.ts`)}${source}${lines.join('\n')}\n`;
}

/** `<T extends object>` and `<T>` of a generic type; two empty texts of any other. */
function typeParameters(symbol) {
  const generic = symbol.declarations.find((declaration) => declaration.typeParameters?.length > 0);
  if (!generic) return { parameters: '', names: '' };
  const list = (texts) => `<${texts.join(', ')}>`;
  return {
    parameters: list(generic.typeParameters.map((parameter) => parameter.getText())),
    names: list(generic.typeParameters.map((parameter) => parameter.name.text)),
  };
}
