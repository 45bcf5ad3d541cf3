import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { needs, nodeTests } from '../fixtures/needs.ts';
import { failing, lacking } from './expectations.ts';
import { runTests, testsOf } from './run-tests.ts';

/** A server of the test's was secured in so many tests at least: fewer mean that this test no longer tests anything. */
const secured = { tls: 90, https: 50, http2: 12 };

// The tests belong to one line of Node, and expect its ways.
if (process.versions.node.startsWith('20.')) {
  describe("Node's own tests, their servers secured by attach", () => {
    needs("Node's own tests");
    before(() => {
      const built = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));
      expect(existsSync(built), 'dist/ is built: `npm run build:ts`').to.equal(true);
    });

    for (const kind of ['tls', 'https', 'http2'] as const) {
      it(`of ${kind} pass`, async () => {
        const names = testsOf(nodeTests, kind).filter((name) => !(name in lacking));
        const outcomes = await runTests(nodeTests, names);
        const attached = [...outcomes].filter(([, outcome]) => outcome.attached);
        expect(attached).to.have.length.of.at.least(secured[kind]);
        const unexpected = [...outcomes]
          .filter(([name, { attached: concerned, passed, refused }]) => {
            const concerns = concerned || refused.length > 0;
            if (passed && name in failing)
              console.log(`      ${name} passes: take it off the list of failing`);
            return concerns && !passed && !(name in failing);
          })
          .map(([name, { refused, output }]) => `${name}\n${[...refused, output].join('\n')}`);
        expect(unexpected.join('\n\n')).to.equal('');
      }).timeout(900_000);
    }
  });
}
