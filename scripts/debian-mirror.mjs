import { Refusal, run } from './command.mjs';

/** Where this machine's apt gets Debian's packages. */
export async function debianMirror() {
  const ask = async () =>
    await run('apt-get', [
      'indextargets',
      '--format',
      '$(REPO_URI)',
      'Created-By: Packages',
      'Label: Debian',
    ]);
  const mirrorIn = ({ output }) => /^https?:\S+$/m.exec(output)?.[0];
  const first = await ask();
  if (first.missing) throw new Refusal('this comes from Debian, by apt-get, which this machine lacks.');
  // A machine that has never fetched apt's lists knows no labels yet.
  const mirror =
    mirrorIn(first) ?? ((await run('apt-get', ['update'])).ok ? mirrorIn(await ask()) : undefined);
  if (mirror === undefined) {
    throw new Refusal('apt knows no packages of Debian: run `apt-get update` as root, and this again.');
  }
  return mirror;
}
