// `npm run sanitize`: builds the core's tests and the addon with sanitizers and runs them, and some of the tests under valgrind;
// as many at once as there are processors. All run, whatever the ones before found; the exit code is 1 if any found something.
//
//   --only NAME      address, addon, thread or valgrind (again for others)
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildNative } from '../build/build-native.mjs';
import { installedPackage, root } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { asManyAsProcessors } from '../in-parallel.mjs';
import { findClang, findCommand, sanitizerLibrary } from '../build/requirements.mjs';
import { setUp } from '../build/setup.mjs';

/** Tests of core_test that ThreadSanitizer does without, by a part of their names. */
const WITHOUT_THREAD_SANITIZER = [
  'every_input_kept_for_a_fuzz_target', // one thread, and half a minute
  'in_100_000_random_steps', // one thread
  'plaintext_is_in_no_memory', // searches all memory, of which the sanitizer's own is gigabytes
  'exported_keying_material_is_gone', // the same
  'freed_memory_stays', // it is about glibc's malloc, which the sanitizer replaces
  'a_client_refuses_a_server_that_does_not_hold_the_key', // waits a minute for the delays that s2n blinds failures with
];

/** Those that valgrind runs: what passes bytes to and from AWS-LC, which no sanitizer looks into. */
const UNDER_VALGRIND = [
  'a_handshake_completes_with_a_signature_from_outside',
  'however_an_operation_ends_nothing_of_it_is_left',
  'an_ec_key_signs_a_digest_of_every_hash',
  'an_encrypted_key_needs_its_passphrase',
  'a_text_that_holds_no_usable_key_is_refused',
  'a_session_is_resumed_without_a_signature',
  'a_client_whose_certificate_verifies',
  'a_signature_that_comes_twice_late',
];

/** What the addon goes through in Node: every way in and out of it, and environments that end. */
const OF_THE_ADDON = [
  'native/addon',
  'native/local-key',
  'tls/alerts',
  'tls/attach',
  'tls/attach-limits',
  'tls/attach-streams',
  'tls/broken-connection',
  'tls/certificate-authorities',
  'tls/client-certificates',
  'tls/client-keylog',
  'tls/close-as-node-tls',
  'tls/connect',
  'tls/create-server',
  'tls/documented-events',
  'tls/left-in-order',
  'tls/options-as-node',
  'tls/peer-keys',
  'tls/pem-input',
  'tls/server-contexts',
  'tls/sessions',
  'tls/signature-rules',
  'tls/tls-socket',
  'differential/carriers',
  'differential/client-on-read',
  'differential/client-signal',
  'differential/unsent-writes',
  'lifecycle/every-state',
].map((name) => join('test', `${name}.test.ts`));

/**
 * Each check by name: what is built for it, and the command that runs it there. A check passes when the command does, says
 * how many tests that were, and no process left a report.
 */
const checks = {
  address: {
    what: 'core_test under AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer',
    build: ['--fuzz'],
    command: (out) => [join(out, 'core_test')],
    environment: { ASAN_OPTIONS: 'detect_leaks=1' },
    count: /^(\d+) tests, 0 failed$/m,
  },
  addon: {
    what: 'the addon in Node under AddressSanitizer and UndefinedBehaviorSanitizer',
    build: ['--fuzz'],
    command: () => [
      process.execPath,
      join(installedPackage('mocha'), 'bin', 'mocha.js'),
      ...['--reporter', 'dot', '--timeout', '120000', ...OF_THE_ADDON],
    ],
    // Node leaks on purpose. A process that a test starts may fail where nobody looks, so reports go to files.
    environment: (out, report) => ({
      S2N_PKEY_ADDON: join(out, 'Release', 's2n_pkey.node'),
      LD_PRELOAD: addressSanitizerLibrary(),
      ASAN_OPTIONS: `detect_leaks=0:log_path=${report}`,
    }),
    count: /^\s*(\d+) passing/m,
  },
  thread: {
    what: `core_test under ThreadSanitizer (without ${WITHOUT_THREAD_SANITIZER.length} tests that would find nothing)`,
    build: ['--sanitize=thread'],
    command: (out) => [join(out, 'core_test'), ...WITHOUT_THREAD_SANITIZER.map((name) => `-${name}`)],
    count: /^(\d+) tests, 0 failed$/m,
  },
  valgrind: {
    what: `${UNDER_VALGRIND.length} tests of core_test under valgrind`,
    build: [],
    command: (out) => [
      findCommand('valgrind'),
      ...['--quiet', '--error-exitcode=9', '--leak-check=full', '--errors-for-leak-kinds=definite'],
      ...[join(out, 'core_test'), ...UNDER_VALGRIND],
    ],
    count: /^(\d+) tests, 0 failed$/m,
  },
};

function readOptions(args) {
  const only = [];
  for (let at = 0; at < args.length; at++) {
    const [name, inline] = args[at].split(/=(.*)/s);
    if (name !== '--only') throw new Refusal(`there is no option '${args[at]}': there is --only NAME.`);
    const check = inline ?? args[++at] ?? '';
    if (!Object.hasOwn(checks, check))
      throw new Refusal(`--only: expected ${Object.keys(checks).join(', ')}; given '${check}'.`);
    only.push(check);
  }
  return only.length > 0 ? only : Object.keys(checks);
}

/** (That clang itself is there, with its libraries, is seen to by its build.) */
function refuseWithoutTools(names) {
  if (names.includes('valgrind') && !findCommand('valgrind')) {
    throw new Refusal(
      'one check needs valgrind, which this machine does not have: install with `apt-get install valgrind` and run this again ' +
        '(or leave it out: `--only` names the others).',
    );
  }
}

function addressSanitizerLibrary() {
  const library = sanitizerLibrary(findClang().cc, 'asan', 'so');
  if (existsSync(library)) return library;
  throw new Refusal(
    `Node needs clang's ${library}, which this machine does not have: install with \`apt-get install libclang-rt-14-dev\` and ` +
      'run this again.',
  );
}

/** The reports that processes left in files, and the names of the files. */
function takeReports(out, prefix) {
  const files = readdirSync(out).filter((name) => name.startsWith(prefix));
  return files.map((name) => readFileSync(join(out, name), 'utf8'));
}

/** Runs one check; resolves to whether nothing was found. */
async function holds(name, out) {
  const { what, command, environment = {}, count } = checks[name];
  const prefix = `${name}-report.`;
  for (const old of readdirSync(out).filter((file) => file.startsWith(prefix))) rmSync(join(out, old));
  const added =
    typeof environment === 'function' ? environment(out, join(out, prefix.slice(0, -1))) : environment;
  const log = join(out, `sanitize-${name}.log`);
  const started = Date.now();
  const [program, ...args] = command(out);
  const { ok, output, code, signal } = await run(program, args, { log, env: { ...process.env, ...added } });
  const reports = takeReports(out, prefix);
  const tests = Number(count.exec(output)?.[1] ?? 0);
  if (ok && tests > 0 && reports.length === 0) {
    say(`${name}: ${tests} tests passed in ${Math.round((Date.now() - started) / 1000)} s: ${what}.`);
    return true;
  }
  console.error(
    `s2n-pkey: ${name} found something (${what}; exit code ${code}, signal ${signal}, ${tests} tests passed):\n` +
      `${whatWasFound(output, reports)}\nThe whole log is ${relative(root, log)}.`,
  );
  return false;
}

/** A sanitizer's report from its first line on, else the end of the output. */
function whatWasFound(output, reports) {
  if (reports.length > 0) return firstLines(reports.join('\n'));
  const findings = output.replace(/^ok +\w+\n/gm, '');
  const at = /^(==\d+==|WARNING: ThreadSanitizer|.*runtime error:)/m.exec(findings)?.index;
  return at === undefined ? lastLines(findings, 60) : firstLines(findings.slice(at));
}

function firstLines(text) {
  return text.split('\n').slice(0, 80).join('\n');
}

await runAsScript(import.meta.url, async (args) => {
  const names = readOptions(args);
  refuseWithoutTools(names);
  await setUp();
  const folders = new Map();
  for (const { build } of names.map((name) => checks[name])) {
    if (!folders.has(build.join())) folders.set(build.join(), (await buildNative(build)).out);
  }
  const held = await asManyAsProcessors(names, (name) => holds(name, folders.get(checks[name].build.join())));
  const failed = names.filter((_, at) => !held[at]);
  if (failed.length > 0) throw new Refusal(`found something: ${failed.join(', ')} (see above).`);
});
