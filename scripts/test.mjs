// `npm test`: builds what is not up to date, then runs the core's test program and the tests in mocha. Arguments go to
// mocha: `npm test -- --grep close`, `npm test -- test/tls/close.test.ts`.
//
// The last line is mocha's result, `N passed, N failed`. That nothing was run counts as a failure.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inCheckout, installedPackage } from './checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from './command.mjs';
import { setUp } from './setup.mjs';

async function test(args) {
  const { out } = await setUp();
  await testCore(out);
  await testPackage(args);
}

/** The engine and TLS without Node: `core_test`, by way of CTest. */
async function testCore(out) {
  const { ok, output } = await run('ctest', ['--test-dir', out, '--output-on-failure', '--no-tests=error']);
  if (!ok)
    throw new Refusal(`the core's tests failed (${join(out, 'core_test')}):\n${lastLines(output, 80)}`);
  say(`core: ${/^\d+% tests passed.*$/m.exec(output)?.[0] ?? 'passed'}`);
}

async function testPackage(mochaArguments) {
  const { reporter, rest } = takeReporter(mochaArguments);
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-test-'));
  try {
    const result = join(folder, 'result.json');
    const env = { ...process.env, S2N_PKEY_TEST_RESULT: result, S2N_PKEY_TEST_REPORTER: reporter };
    const mocha = join(installedPackage('mocha'), 'bin', 'mocha.js');
    const ownReporter = ['--reporter', inCheckout('scripts', 'mocha-reporter.mjs')];
    const args = [mocha, ...ownReporter, ...rest];
    const { ok } = await run(process.execPath, args, { env, show: true });
    if (!existsSync(result)) throw new Refusal('mocha ended without a result: see above.');
    const { passes, failures, pending } = JSON.parse(readFileSync(result, 'utf8'));
    const nothingRan = passes + failures === 0;
    if (nothingRan) console.error('s2n-pkey: no test was run, which counts as a failure.');
    console.log(`${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}`);
    if (!ok || failures > 0 || nothingRan) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Another of mocha's own reporters can be asked for, as in `npm test -- --reporter dot`. */
function takeReporter(args) {
  const at = args.findIndex((arg) => /^(-R|--reporter)(=|$)/.test(arg));
  if (at === -1) return { reporter: 'spec', rest: args };
  const inline = args[at].includes('=');
  const reporter = inline ? args[at].split('=')[1] : (args[at + 1] ?? 'spec');
  return { reporter, rest: args.toSpliced(at, inline ? 1 : 2) };
}

await runAsScript(import.meta.url, test);
