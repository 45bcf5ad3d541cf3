import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const wholeCode = /^ERR_S2N_PKEY_\w*[A-Z0-9]$/;

/**
 * Every code that the sources can raise: the texts of lib/ and binding/, and what template literals of lib/ can become by the types
 * of their parts. Throws for a part whose type is any string, since such a code cannot be listed.
 */
export function codesInSources(): Set<string> {
  return new Set([...codesOfTypeScript(), ...codesOfNative()]);
}

function codesOfNative(): string[] {
  const folder = join(root, 'binding');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cc|h|c)$/.test(name))
    .flatMap((name) => [
      ...readFileSync(join(folder, name), 'utf8').matchAll(/"(ERR_S2N_PKEY_\w*[A-Z0-9])"/g),
    ])
    .map(([, code = '']) => code);
}

function codesOfTypeScript(): Set<string> {
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.build.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram(fileNames, { ...options, incremental: false, noEmit: true });
  const checker = program.getTypeChecker();
  const codes = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && wholeCode.test(node.text)) codes.add(node.text);
    if (ts.isTemplateExpression(node) && node.head.text.startsWith('ERR_S2N_PKEY_')) {
      for (const code of textsOf(node, checker)) codes.add(code);
    }
    ts.forEachChild(node, visit);
  };
  for (const file of program.getSourceFiles()) {
    const isTable = file.fileName.endsWith('/lib/error-codes.ts');
    if (!file.isDeclarationFile && !isTable) visit(file);
  }
  return codes;
}

function textsOf(template: ts.TemplateExpression, checker: ts.TypeChecker): string[] {
  let texts = [template.head.text];
  for (const { expression, literal } of template.templateSpans) {
    const type = checker.getTypeAtLocation(expression);
    const parts = type.isUnion() ? type.types : [type];
    const words = parts.map((part) => {
      if (part.isStringLiteral()) return part.value;
      const { line } = ts.getLineAndCharacterOfPosition(template.getSourceFile(), template.pos);
      const where = `${template.getSourceFile().fileName}:${line + 1}`;
      throw new Error(`${where}: ${template.getText()} can be any text; give its parts a type of literals`);
    });
    texts = texts.flatMap((text) => words.map((word) => text + word + literal.text));
  }
  return texts;
}
