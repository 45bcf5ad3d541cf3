// `npm run clean`: removes what was built. `npm run clean -- --vendor` removes the fetched sources too, and
// `npm run clean -- --all` also node_modules.
import { readdirSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { root, inCheckout } from './checkout.mjs';
import { Refusal, runAsScript, say } from './command.mjs';
import { removePacked } from './package/pack.mjs';

function clean(args) {
  const unknown = args.find((arg) => arg !== '--vendor' && arg !== '--all');
  if (unknown) throw new Refusal(`there is no option '${unknown}': there are --vendor and --all.`);

  const built =
    /^(build|build-(asan|tsan|fuzz|debug|asan-debug|tsan-debug|fuzz-debug|toolchains|linux-\w+-\w+)|release|dist|coverage)$/;
  const folders = readdirSync(root)
    .filter((name) => built.test(name))
    .map((name) => [name]);
  if (args.length > 0) {
    const fetched = readdirSync(inCheckout('vendor')).filter((name) => /^sources($|\.partial-)/.test(name));
    folders.push(...fetched.map((name) => ['vendor', name]));
  }
  if (args.includes('--all')) folders.push(['node_modules']);
  for (const folder of folders) rmSync(inCheckout(...folder), { recursive: true, force: true });
  folders.push(...removePacked().map((path) => [relative(root, path)]));
  say(
    folders.length > 0
      ? `removed ${folders.map((folder) => folder.join('/')).join(', ')}.`
      : 'there was nothing to remove.',
  );
}

await runAsScript(import.meta.url, clean);
