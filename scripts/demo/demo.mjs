// `npm run demo` and `npm run demo:clean`: sets up what a fresh clone lacks, then runs the package's own command.
import { inCheckout } from '../checkout.mjs';
import { run, runAsScript } from '../command.mjs';
import { setUp } from '../build/setup.mjs';

await runAsScript(import.meta.url, async (args) => {
  await setUp();
  const command = [inCheckout('dist', 'lib', 'cli', 'main.js'), 'demo', ...args];
  const { code } = await run(process.execPath, command, { show: true });
  process.exitCode = code ?? 1;
});
