// Mocha's own reporter, which also writes what came out into the file that S2N_PKEY_TEST_RESULT names, so that
// scripts/test.mjs need not read it off the screen.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

const { EVENT_RUN_END } = Mocha.Runner.constants;
const Base = Mocha.reporters[process.env.S2N_PKEY_TEST_REPORTER ?? 'spec'];

export default class ReporterWithResult extends Base {
  constructor(runner, options) {
    super(runner, options);
    runner.once(EVENT_RUN_END, () => {
      const { passes, failures, pending } = runner.stats;
      writeFileSync(process.env.S2N_PKEY_TEST_RESULT, JSON.stringify({ passes, failures, pending }));
      // What a failed test left open must not keep the run from ending. Where all passed it must not be there.
      if (failures > 0) setTimeout(() => process.exit(1), 10_000).unref();
    });
  }
}
