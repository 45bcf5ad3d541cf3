import { expect } from 'chai';
import ts from 'typescript';
import { kmsOptions, outputOptions } from '../../lib/cli/subcommand.ts';
import { allPages, pageText, quotedIn, sectionOf, sourceText } from './page-tables.ts';

/** Each command with flags: the source that reads them, and the page and heading that list them. */
const commands = [
  { name: 'doctor', source: 'cli/doctor.ts', page: 'doctor.md', heading: 'Options' },
  { name: 'signer', source: 'cli/signer.ts', page: 'api/socket-signer.md', heading: 'The signer command' },
  {
    name: 'local-kms',
    source: 'local-kms/command-line.ts',
    page: 'api/local-kms.md',
    heading: 'The local-kms command',
  },
  ...['create', 'import', 'list', 'describe', 'delete'].map((name) => ({
    name: `keys ${name}`,
    source: `cli/keys/${name}.ts`,
    page: 'keys.md',
    heading: `keys ${name}`,
  })),
  ...['request', 'self-signed', 'renew', 'show'].map((name) => ({
    name: `certificates ${name}`,
    source: `cli/certificates/${name}.ts`,
    page: 'keys.md',
    heading: `certificates ${name}`,
  })),
  { name: 'demo', source: 'cli/demo.ts', page: 'reference.md', heading: 'The demo command' },
] as const;

/** What several commands spread into their options, by the name it has there. */
const shared = new Map<string, object>(Object.entries({ kmsOptions, outputOptions }));

/** The flags that a source gives to `parseArgs`, by the TypeScript compiler. */
function flagsRead(source: string): string[] {
  const flags: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'parseArgs') {
      const [settings] = node.arguments;
      const options =
        settings && ts.isObjectLiteralExpression(settings)
          ? settings.properties.find((property) => property.name?.getText() === 'options')
          : undefined;
      if (options && ts.isPropertyAssignment(options) && ts.isObjectLiteralExpression(options.initializer)) {
        for (const property of options.initializer.properties) {
          if (property.name) flags.push(property.name.getText().replaceAll("'", ''));
          else
            flags.push(...Object.keys(shared.get(property.getText().slice('...'.length)) ?? { unknown: 0 }));
        }
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(source, sourceText(source), ts.ScriptTarget.ES2022, true));
  return flags.sort();
}

/** The flags that the text of `--help` lists, which is the template `usage` of the same source. */
function flagsInHelp(source: string): string[] {
  const [, usage = ''] = /const usage = `([^`]*)`/.exec(sourceText(source)) ?? [];
  return [...usage.matchAll(/^ +(?:-\w, )?--([a-z][a-z-]*)/gm)].map(([, flag = '']) => flag).sort();
}

const flagsIn = (texts: readonly string[]): string[] => [
  ...new Set(texts.flatMap((text) => [...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, flag = '']) => flag))),
];

describe('the flags of the commands', () => {
  for (const { name, source, page, heading } of commands) {
    it(`${name}: --help and docs/${page} list each flag that the command reads, and no other`, () => {
      const read = flagsRead(source);
      expect(read).to.include('help').and.to.have.length.above(1);
      expect(flagsInHelp(source), '--help').to.deep.equal(read);
      const listed = [...sectionOf(page, heading).matchAll(/^- ((?:`[^`]+`(?:, )?)+)/gm)].flatMap(
        ([, row = '']) => flagsIn([row]),
      );
      expect(listed.sort(), page).to.deep.equal(read);
    });
  }

  it('are for commands that docs/reference.md lists, each of them', () => {
    const [, list = ''] = /const commands[^=]*= \[([^\]]*)\]/.exec(sourceText('cli/main.ts')) ?? [];
    const names = [
      ...sourceText('cli').matchAll(/^export const (\w+Command): Command = \{\n {2}name: '([\w-]+)'/gm),
    ];
    const registered = names
      .filter(([, variable = '']) => list.includes(`${variable},`))
      .map(([, , name = '']) => name);
    expect(registered).to.include.members(['doctor', 'build']);
    expect(registered).to.have.length(list.split(',').filter((it) => it.trim() !== '').length);
    const table = sectionOf('reference.md', 'Commands');
    expect(registered.filter((name) => !table.includes(`npx s2n-pkey ${name}`))).to.deep.equal([]);
  });

  it('are those of the command wherever a page shows one', () => {
    const shown: string[] = [];
    const unknown: string[] = [];
    for (const page of allPages()) {
      const text = pageText(page);
      const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
      const lines = blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'));
      for (const line of [...lines, ...quotedIn(text.replaceAll(/^```[\s\S]*?^```$/gm, ''))]) {
        for (const [whole, command, next] of line.matchAll(
          /s2n-pkey ([a-z-]+)(?: ([a-z-]+))?(?: (?!-- |s2n-pkey )\S+)*/g,
        )) {
          const found = commands.find(({ name }) => name === command || name === `${command} ${next}`);
          if (found === undefined) continue;
          shown.push(whole);
          const read = flagsRead(found.source);
          const wrong = flagsIn([whole]).filter((flag) => !read.includes(flag));
          unknown.push(...wrong.map((flag) => `${page}: ${whole}: --${flag}`));
        }
      }
    }
    expect(shown).to.have.length.above(15);
    expect(unknown).to.deep.equal([]);
  });
});
