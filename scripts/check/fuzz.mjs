// `npm run fuzz`: builds the fuzz targets of test/fuzz/ with clang and runs each for a minute, as many at once as there are
// processors. An input that breaks something is kept, and said; then the exit code is 1.
//
//   --seconds N      for each target
//   --target NAME    only this one (again for others)
//   --seed N         of libFuzzer's choices; another one each time unless given
//   --keep           afterwards, the smallest set of inputs that reaches all that was reached becomes test/fuzz/corpus/
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildNative } from '../build/build-native.mjs';
import { inCheckout, root } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { asManyAsProcessors } from '../in-parallel.mjs';

/** Longer inputs do nothing new in these targets, only slowly. */
const LONGEST_INPUT = 4096;
/** Seconds after which one input counts as one that hangs. */
const HANGS = 60;

const corpusOf = (target) => inCheckout('test', 'fuzz', 'corpus', target);

/** The targets' names, from their files. */
export function fuzzTargets() {
  return readdirSync(inCheckout('test', 'fuzz'))
    .map((file) => /^(.+)_target\.cc$/.exec(file)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

function readOptions(args) {
  const options = { seconds: 60, targets: [], seed: 0, keep: false };
  for (let at = 0; at < args.length; at++) {
    const [name, inline] = args[at].split(/=(.*)/s);
    const value = () => inline ?? args[++at] ?? '';
    if (name === '--seconds' || name === '--seed') options[name.slice(2)] = positiveInteger(name, value());
    else if (name === '--target') options.targets.push(knownTarget(value()));
    else if (name === '--keep') options.keep = true;
    else
      throw new Refusal(
        `there is no option '${args[at]}': there are --seconds N, --target NAME, --seed N and --keep.`,
      );
  }
  return { ...options, targets: options.targets.length > 0 ? options.targets : fuzzTargets() };
}

function positiveInteger(name, text) {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new Refusal(`${name}: expected a whole number from 1 on; given '${text}'.`);
  return Number(text);
}

function knownTarget(name) {
  const targets = fuzzTargets();
  if (!targets.includes(name))
    throw new Refusal(`--target: expected ${targets.join(', ')}; given '${name}'.`);
  return name;
}

/** Runs one target; resolves to whether nothing was found. */
async function fuzz(out, target, { seconds, seed }) {
  const program = join(out, `fuzz_${target}`);
  const found = join(out, 'fuzz', target); // inputs that reach something new, from this run and those before
  const artifacts = join(out, 'fuzz', `${target}-`);
  const log = join(out, `fuzz_${target}.log`);
  mkdirSync(found, { recursive: true });
  const { ok, output, code, signal } = await run(
    program,
    [
      ...[`-max_total_time=${seconds}`, `-max_len=${LONGEST_INPUT}`, `-timeout=${HANGS}`, `-seed=${seed}`],
      ...['-rss_limit_mb=2048', '-print_final_stats=1', `-artifact_prefix=${artifacts}`],
      ...[found, corpusOf(target)],
    ],
    { log },
  );
  const runs = /number_of_executed_units: (\d+)/.exec(output)?.[1];
  if (ok && Number(runs) > 0) {
    const coverage = [...output.matchAll(/ cov: (\d+)/g)].at(-1)?.[1];
    const kept = /new_units_added: +(\d+)/.exec(output)?.[1];
    say(`${target}: ${runs} inputs in ${seconds} s, ${coverage} places reached, ${kept} inputs new.`);
    return true;
  }
  const input = /Test unit written to (.+)$/m.exec(output)?.[1];
  const again = input
    ? `The input is ${relative(root, input)}; once more: \`${relative(root, program)} ${relative(root, input)}\`.`
    : `No input was kept (exit code ${code}, signal ${signal}).`;
  console.error(`s2n-pkey: ${target} found something.\n${whatWasFound(output)}\n${again}`);
  console.error(`The whole log is ${relative(root, log)}.`);
  return false;
}

/** The report of a sanitizer or of an expectation, without libFuzzer's progress before it. */
function whatWasFound(output) {
  const lines = output.split('\n').filter((line) => !/^#\d+\s|NEW_FUNC|^"|Recommended dictionary/.test(line));
  return lastLines(lines.join('\n'), 60);
}

/** Makes the kept corpus of a target anew. Inputs that reach the same are dropped, the largest first. */
async function keepCorpus(out, target) {
  const corpus = corpusOf(target);
  const merged = mkdtempSync(join(out, 'fuzz', `${target}.merged-`));
  const args = ['-merge=1', `-max_len=${LONGEST_INPUT}`, merged, corpus, join(out, 'fuzz', target)];
  const { ok, output } = await run(join(out, `fuzz_${target}`), args);
  const inputs = readdirSync(merged);
  if (!ok || inputs.length === 0)
    throw new Refusal(`the corpus of ${target} could not be made:\n${lastLines(output)}`);
  rmSync(corpus, { recursive: true, force: true });
  renameSync(merged, corpus);
  const bytes = inputs.reduce((sum, name) => sum + readFileSync(join(corpus, name)).length, 0);
  say(`${target}: ${inputs.length} inputs kept, ${bytes} bytes.`);
}

await runAsScript(import.meta.url, async (args) => {
  const options = readOptions(args);
  const { out } = await buildNative(['--fuzz']);
  const missing = options.targets.filter((target) => !existsSync(join(out, `fuzz_${target}`)));
  if (missing.length > 0) throw new Refusal(`the build made no program for ${missing.join(', ')}.`);
  const held = await asManyAsProcessors(options.targets, (target) => fuzz(out, target, options));
  const failed = options.targets.filter((_, at) => !held[at]);
  if (failed.length > 0) throw new Refusal(`found something: ${failed.join(', ')} (see above).`);
  if (options.keep) for (const target of options.targets) await keepCorpus(out, target);
});
