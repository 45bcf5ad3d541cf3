import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { differing } from './expectations.ts';

/** What came of one of Node's tests, secured by this package. */
export interface Outcome {
  /** Whether a server of its was secured by `attach`. */
  readonly attached: boolean;
  /** What this package refused, by name. */
  readonly refused: readonly string[];
  readonly passed: boolean;
  readonly output: string;
}

const preload = pathToFileURL(fileURLToPath(new URL('./preload.mjs', import.meta.url))).href;
const longest = 60_000;
/** For the preload: what to change in each file. */
const changes = JSON.stringify(
  Object.fromEntries(Object.entries(differing).map(([name, difference]) => [name, difference.changes])),
);

const makesServer = {
  tls: /createServer|Server\(|tls-connect|require\('\.\/test-/,
  https: /createServer|Server\(/,
  http2: /createSecureServer/,
};

/** Names such as `parallel/test-tls-ticket.js`, of those that may make a secure server. */
export function testsOf(folder: string, kind: keyof typeof makesServer): string[] {
  return ['parallel', 'sequential'].flatMap((group) =>
    readdirSync(join(folder, group))
      .filter((name) => name.startsWith(`test-${kind}-`) && /\.m?js$/.test(name))
      .map((name) => `${group}/${name}`)
      .filter((name) => makesServer[kind].test(readFileSync(join(folder, name), 'utf8'))),
  );
}

/** Runs each of them in a process of its own, as many at once as there are processors. */
export async function runTests(folder: string, names: readonly string[]): Promise<Map<string, Outcome>> {
  const scratch = mkdtempSync(join(tmpdir(), 's2n-pkey-node-suite-'));
  const outcomes = new Map<string, Outcome>();
  const waiting = [...names];
  const work = async (worker: number): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      outcomes.set(name, await runTest(folder, name, scratch, worker));
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, (_, worker) => work(worker)));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return outcomes;
}

async function runTest(folder: string, name: string, scratch: string, worker: number): Promise<Outcome> {
  const file = join(folder, name);
  const report = join(scratch, `${name.replaceAll('/', '-')}.report`);
  const testFolder = join(scratch, `worker-${worker}`);
  mkdirSync(testFolder, { recursive: true });
  const flags = /^\/\/ Flags:(.*)$/m.exec(readFileSync(file, 'utf8'))?.[1]?.trim().split(/\s+/) ?? [];
  const env = {
    ...process.env,
    NODE_OPTIONS: `--import=${preload}`,
    NODE_TEST_DIR: testFolder,
    TEST_THREAD_ID: String(worker),
    S2N_PKEY_NODE_SUITE_CHANGES: changes,
    S2N_PKEY_NODE_SUITE_REPORT: report,
  };
  const child = spawn(process.execPath, [...flags, file], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longest,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const passed = await new Promise<boolean>((resolve) => {
    child.on('close', (code, signal) => {
      if (signal !== null) output += `\nended by ${signal}, after ${longest / 1000} s at the latest`;
      resolve(code === 0);
    });
  });
  const lines = existsSync(report) ? readFileSync(report, 'utf8').trim().split('\n') : [];
  return {
    attached: lines.includes('attached'),
    refused: lines.filter((line) => line.startsWith('refused')),
    passed,
    output: output.slice(0, 4_000),
  };
}
