/**
 * Programs of the package that run beside the caller's: in a thread or in a process. In a checkout they are TypeScript as they
 * are, which Node takes by itself from 22.18 on, and before that with tsx, which threads and other processes do not inherit.
 */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** The program `name` beside the module `from` (its `import.meta.url`), of the same kind: JavaScript or TypeScript. */
function programBeside(from: string, name: string): { url: URL; needsTsx: boolean } {
  const isCompiled = !from.endsWith('.ts');
  const takesTypes = 'typescript' in process.features && Boolean(process.features.typescript);
  return {
    url: new URL(`./${name}${isCompiled ? '.js' : '.ts'}`, from),
    needsTsx: !isCompiled && !takesTypes,
  };
}

/** Runs a program in a thread of its own. */
export function startWorker(from: string, name: string, options: WorkerOptions): Worker {
  const { url, needsTsx } = programBeside(from, name);
  if (!needsTsx) return new Worker(url, options);
  const load =
    "import('tsx/esm/api').then(({ register }) => { register(); " +
    `return import(${JSON.stringify(url.href)}); })`;
  return new Worker(load, { ...options, eval: true });
}

/** What runs a program in a process of its own, after `process.execPath`. */
export function programArguments(from: string, name: string): string[] {
  const { url, needsTsx } = programBeside(from, name);
  if (!needsTsx) return [fileURLToPath(url)];
  // By its URL: from the caller's working directory there may be no tsx to be found.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return ['--import', tsx, fileURLToPath(url)];
}
