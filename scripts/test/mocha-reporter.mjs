// Mocha's own reporter, which also writes what came out into the file that S2N_PKEY_TEST_RESULT names, so that
// scripts/test/test.mjs need not read it off the screen.
import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import Mocha from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_FAIL } = Mocha.Runner.constants;
const Base = Mocha.reporters[process.env.S2N_PKEY_TEST_REPORTER ?? 'spec'];

export default class ReporterWithResult extends Base {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    runner.on(EVENT_TEST_FAIL, (test, error) =>
      failed.push({ title: test.fullTitle(), error: reasonOf(error) }),
    );
    runner.once(EVENT_RUN_END, () => {
      const { passes, failures, pending } = runner.stats;
      writeResult({ passes, failures, pending, failed });
      // A run that something keeps open ends here all the same. What a failed test left open is no news; where all passed, it
      // is a failure, and the lines say what a test or the package forgot.
      setTimeout(
        () => {
          if (failures === 0) {
            const error = `The tests are over, but something keeps the process open:\n${whatIsOpen()}`;
            console.error(error);
            const title = 'The run ends by itself';
            writeResult({
              passes,
              failures: 1,
              pending,
              failed: [{ title, error: reasonOf({ stack: error }) }],
            });
          }
          // After mocha's own listener, which knows of no failure.
          process.on('exit', () => (process.exitCode = 1));
          process.exit();
        },
        failures > 0 ? 10_000 : 60_000,
      ).unref();
    });
  }
}

function writeResult(result) {
  writeFileSync(process.env.S2N_PKEY_TEST_RESULT, JSON.stringify(result));
}

/** Where the test failed and why, short enough to be read beside others. */
function reasonOf(error) {
  const text = String(error?.stack ?? inspect(error));
  return text.split('\n').slice(0, 12).join('\n');
}

function whatIsOpen() {
  // Node has no public list of handles; this one is what its own debuggers show.
  const handles = process
    ._getActiveHandles()
    .map((handle) => inspect(handle, { depth: 1, breakLength: 120 }));
  return [...process.getActiveResourcesInfo(), ...handles].join('\n');
}
