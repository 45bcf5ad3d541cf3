import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The entries of the package that export something, and the module of lib/ that each stands for. */
function entries(): Map<string, string> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { require?: unknown; default?: { types?: string } }>;
  };
  const modules = new Map<string, string>();
  for (const [entry, { default: target }] of Object.entries(manifest.exports)) {
    const types = target?.types;
    if (types !== undefined)
      modules.set(entry, join(root, types.slice('./dist/'.length).replace(/\.d\.ts$/, '.ts')));
  }
  return modules;
}

/** What a caller cannot see: ES-private members are not declared, these are marked. */
function isInternal(node: ts.Node): boolean {
  const isPrivate = ts.canHaveModifiers(node)
    ? ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)
    : false;
  return isPrivate === true || ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
}

/** Calls `found` with each name of a type that a public declaration shows, but not with those in its body. */
function namesShown(node: ts.Node, found: (name: ts.Identifier) => void): void {
  if (
    isInternal(node) ||
    ts.isBlock(node) ||
    (ts.isPropertyDeclaration(node) && ts.isPrivateIdentifier(node.name))
  )
    return;
  if (ts.isMethodDeclaration(node) && ts.isPrivateIdentifier(node.name)) return;
  if (ts.isClassStaticBlockDeclaration(node)) return;
  if (ts.isTypeReferenceNode(node) && ts.isIdentifier(node.typeName)) found(node.typeName);
  if (ts.isExpressionWithTypeArguments(node) && ts.isIdentifier(node.expression)) found(node.expression);
  // A value's initializer shows nothing, a member's type does.
  if (ts.isPropertyDeclaration(node) || ts.isParameter(node) || ts.isVariableDeclaration(node)) {
    if (node.type) namesShown(node.type, found);
    return;
  }
  ts.forEachChild(node, (child) => {
    namesShown(child, found);
  });
}

describe('the types of the package', function () {
  this.timeout(60_000); // TypeScript reads the whole of lib/.

  it('are all exported: no public function, class or option shows a type that a program cannot name', () => {
    const modules = entries();
    expect([...modules.keys()])
      .to.include('.')
      .and.include('./local-kms');
    const program = ts.createProgram([...modules.values()], {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
      types: ['node'],
    });
    const checker = program.getTypeChecker();
    const original = (symbol: ts.Symbol): ts.Symbol =>
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const exportsOf = (file: string): ts.Symbol[] => {
      const source = program.getSourceFile(file);
      const module = source && checker.getSymbolAtLocation(source);
      return module ? checker.getExportsOfModule(module).map(original) : [];
    };
    const main = new Set(exportsOf(modules.get('.') ?? ''));
    const findings = new Set<string>();
    for (const [entry, file] of modules) {
      const exported = new Set([...exportsOf(file), ...main]);
      for (const symbol of exportsOf(file)) {
        for (const declaration of symbol.declarations ?? []) {
          namesShown(declaration, (name) => {
            const at = checker.getSymbolAtLocation(name);
            const shown = at && original(at);
            const where = shown?.declarations?.[0];
            if (!where || ts.isTypeParameterDeclaration(where) || isInternal(where) || exported.has(shown))
              return;
            if (!where.getSourceFile().fileName.startsWith(join(root, 'lib'))) return;
            findings.add(`s2n-pkey${entry.slice(1)}: ${symbol.name} shows ${shown.name}`);
          });
        }
      }
    }
    expect([...findings].sort()).to.deep.equal([]);
  });
});
