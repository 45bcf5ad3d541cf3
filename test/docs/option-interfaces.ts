import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An interface of options that users pass to this package. */
export interface OptionInterface {
  readonly name: string;
  /** The options that this package declares. */
  readonly own: readonly string[];
  /** Those, and the ones that it takes over from Node and other packages. */
  readonly all: readonly string[];
  /** What the comment above each says; empty without one. */
  readonly comments: ReadonlyMap<string, string>;
}

/** The interfaces of options that the entry points of the package export, by the TypeScript compiler. */
export function optionInterfaces(): OptionInterface[] {
  const files = entryPoints();
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.build.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram(files, { ...options, incremental: false, noEmit: true });
  const checker = program.getTypeChecker();
  const found = new Map<string, OptionInterface>();
  for (const file of files) {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const name = exported.getName();
      if (!/^(?!Checked)\w*(Options|Limits)$/.test(name)) continue;
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
      const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
      const properties = checker.getDeclaredTypeOfSymbol(symbol).getProperties();
      const isOwn = (property: ts.Symbol): boolean =>
        property.declarations?.some(({ parent }) =>
          parent.getSourceFile().fileName.startsWith(join(root, 'lib')),
        ) ?? false;
      found.set(name, {
        name,
        own: properties.filter(isOwn).map((property) => property.getName()),
        all: properties.map((property) => property.getName()),
        comments: new Map(
          properties.map((property) => [
            property.getName(),
            ts.displayPartsToString(property.getDocumentationComment(checker)),
          ]),
        ),
      });
    }
  }
  return [...found.values()];
}

/** The modules of lib/ that `exports` of package.json names. */
function entryPoints(): string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const files = JSON.stringify(exports).matchAll(/"types":"\.\/dist\/(lib\/[^"]+)\.d\.ts"/g);
  return [...new Set([...files].map(([, file = '']) => join(root, `${file}.ts`)))];
}
