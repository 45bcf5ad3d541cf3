// `npm test`: builds what is not up to date, then runs the core's test program and the tests in mocha. Arguments go to
// mocha: `npm test -- --grep close`, `npm test -- test/tls/close.test.ts`. With `--node 24`, mocha runs under that release of Node,
// from npm; with `--node all`, under the one that runs this and each other that is supported, as many at once as there are
// processors: the tests wait more than they compute. Then each line of output begins with its release.
//
// The last line is the result of all runs of mocha, `N passed, N failed`. That nothing was run counts as a failure. So does,
// with CI in the environment, a test that was left out; elsewhere the lines before the last say what to install for it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { inCheckout, installedPackage } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { asManyAsProcessors } from '../in-parallel.mjs';
import { nodeOf, releases as supported } from './nodes.mjs';
import { setUp } from '../build/setup.mjs';

const [runningRelease] = process.versions.node.split('.');

async function test(args) {
  const { releases, rest } = takeNodes(args);
  const { out } = await setUp();
  await testCore(out);
  const results = await asManyAsProcessors(releases, (release) =>
    testPackage(release, rest, releases.length > 1 ? `${release ?? runningRelease} | ` : ''),
  );
  sayWhatFailed(results);
  sayWhatWasLeftOut(results.flatMap(({ leftOut }) => leftOut));
  const sum = (name) => results.reduce((total, result) => total + result[name], 0);
  const [passes, failures, pending] = [sum('passes'), sum('failures'), sum('pending')];
  const nothingRan = results.some((result) => result.passes + result.failures === 0);
  if (nothingRan) console.error('s2n-pkey: no test was run, which counts as a failure.');
  console.log(`${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}`);
  if (failures > 0 || nothingRan || results.some(({ ok }) => !ok)) process.exitCode = 1;
}

/** The releases that `--node` names (undefined: the running one), and the other arguments. */
function takeNodes(args) {
  const rest = [...args];
  const named = [];
  for (let at = rest.indexOf('--node'); at !== -1; at = rest.indexOf('--node')) {
    const [, release] = rest.splice(at, 2);
    if (!release || !/^(\d+|all)$/.test(release))
      throw new Refusal(`--node takes a release of Node, such as 24, or all; given ${release ?? 'nothing'}.`);
    named.push(...(release === 'all' ? [undefined, ...otherReleases()] : [release]));
  }
  return { releases: named.length > 0 ? named : [undefined], rest };
}

function otherReleases() {
  return supported.filter((release) => release !== runningRelease);
}

/** The engine and TLS without Node: `core_test`, by way of CTest. */
async function testCore(out) {
  const { ok, output } = await run('ctest', ['--test-dir', out, '--output-on-failure', '--no-tests=error']);
  if (!ok)
    throw new Refusal(`the core's tests failed (${join(out, 'core_test')}):\n${lastLines(output, 80)}`);
  say(`core: ${/^\d+% tests passed.*$/m.exec(output)?.[0] ?? 'passed'}`);
}

/** Runs mocha, with `prefix` before each line of its output; `{ ok, passes, failures, pending, leftOut }`. */
async function testPackage(release, mochaArguments, prefix) {
  const node = release === undefined ? process.execPath : await nodeOf(release);
  const { reporter, rest } = takeReporter(mochaArguments);
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-test-'));
  try {
    const [result, leftOut] = [join(folder, 'result.json'), join(folder, 'left-out.jsonl')];
    const env = {
      ...process.env,
      // The programs that tests start by name are this Node's, too.
      PATH: [dirname(node), process.env.PATH].join(delimiter),
      S2N_PKEY_TEST_RESULT: result,
      S2N_PKEY_TEST_REPORTER: reporter,
      S2N_PKEY_TEST_LEFT_OUT: leftOut,
    };
    const mocha = join(installedPackage('mocha'), 'bin', 'mocha.js');
    const ownReporter = ['--reporter', inCheckout('scripts', 'test', 'mocha-reporter.mjs')];
    const strict = process.env.CI ? ['--forbid-pending'] : [];
    const begun = performance.now();
    const { ok } = await run(node, [mocha, ...ownReporter, ...strict, ...rest], {
      env,
      show: prefix === '' ? true : prefix,
    });
    if (!existsSync(result)) throw new Refusal(`${prefix}mocha ended without a result: see above.`);
    const counts = JSON.parse(readFileSync(result, 'utf8'));
    const { output: version } = await run(node, ['--version']);
    const seconds = Math.round((performance.now() - begun) / 1000);
    say(
      `Node ${version.trim()}: ${counts.passes} tests passed and ${counts.failures} failed in ${seconds} s.`,
    );
    return {
      ok,
      ...counts,
      version: version.trim(),
      leftOut: existsSync(leftOut) ? jsonLines(readFileSync(leftOut, 'utf8')) : [],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jsonLines(text) {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Once more at the end, since thousands of lines of other tests, or of another release, may follow the failure. */
function sayWhatFailed(results) {
  for (const { version, failed } of results)
    for (const { title, error } of failed) say(`failed on Node ${version}: ${title}\n${indented(error)}`);
}

function indented(text) {
  return text.replace(/^/gm, '    ');
}

/** What test/fixtures/needs.ts noted, each tool once. */
function sayWhatWasLeftOut(notes) {
  for (const tool of new Set(notes.map(({ tool }) => tool))) {
    const all = notes.filter((note) => note.tool === tool);
    const tests = all.reduce((total, note) => total + note.tests, 0);
    say(`left out: ${tests} ${tests === 1 ? 'test' : 'tests'}, which need ${tool} (${all[0].install}).`);
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
