import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { needs, nodeTests } from '../fixtures/needs.ts';
import { differing, failing, lacking } from './expectations.ts';
import { runTests, testsOf, type Outcome } from './run-tests.ts';

const kinds = ['tls', 'https', 'http2'] as const;
/** Of so many tests a server was secured at least: fewer mean that this test no longer tests anything. */
const fewest = 150;
/** So many may be known to fail, or be changed. */
const mostFailing = 3;
const mostChanged = 7;

/** What came of a test that failed. */
function describeFailure([name, { refused, output }]: [string, Outcome]): string {
  return `${name}\n${[...refused, output].join('\n')}`;
}

// The tests belong to one line of Node, and expect its ways.
if (process.versions.node.startsWith('20.')) {
  describe("Node's own tests, their servers secured by attach", () => {
    needs("Node's own tests");
    before(() => {
      const built = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));
      expect(existsSync(built), 'dist/ is built: `npm run build:ts`').to.equal(true);
    });

    it('are changed only in what docs/differences.md says is different', () => {
      const file = new URL('../../docs/differences.md', import.meta.url);
      const text = readFileSync(file, 'utf8').replace(/\s+/g, ' ');
      for (const { documented } of Object.values(differing)) expect(text).to.contain(documented);
    });

    it('pass, those that use nothing s2n-tls lacks', async () => {
      const names = kinds.flatMap((kind) => testsOf(nodeTests, kind)).filter((name) => !(name in lacking));
      const outcomes = [...(await runTests(nodeTests, names))];
      const concerned = outcomes.filter(([, { attached, refused }]) => attached || refused.length > 0);
      const passed = concerned.filter(([, outcome]) => outcome.passed);
      const changed = passed.filter(([name]) => name in differing);
      console.log(
        `      ${passed.length} of ${concerned.length} that use nothing s2n-tls lacks pass; in ${changed.length} of ` +
          'them what docs/differences.md says is different was changed',
      );
      for (const [name] of passed) {
        if (name in failing) console.log(`      ${name} passes: take it off the list of failing`);
      }
      const unexpected = concerned.filter(([name, outcome]) => !outcome.passed && !(name in failing));
      expect(unexpected.map(describeFailure).join('\n\n')).to.equal('');
      expect(concerned).to.have.length.of.at.least(fewest);
      expect(concerned.length - passed.length).to.be.at.most(mostFailing);
      expect(changed.length).to.be.at.most(mostChanged);
      expect(changed.map(([name]) => name).sort()).to.deep.equal(Object.keys(differing).sort());
    }).timeout(600_000);
  });
}
