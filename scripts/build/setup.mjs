// `npm run build`: everything that a fresh clone needs before it can test, demonstrate or measure, each step skipped when
// there is nothing to do: npm packages, the sources of s2n-tls and AWS-LC, the native build, dist/.
import { buildNative } from './build-native.mjs';
import { buildTypeScript } from './build-ts.mjs';
import { runAsScript, say } from '../command.mjs';
import { oneAtATime } from './one-at-a-time.mjs';

/**
 * Brings the checkout to where its tests can run.
 *
 * @returns {Promise<{ addon: string, out: string }>} the addon's file and the native build's folder
 */
export async function setUp() {
  return await oneAtATime(async () => {
    const native = await buildNative([], { packages: 'all' });
    await buildTypeScript();
    return native;
  });
}

await runAsScript(import.meta.url, async () => {
  await setUp();
  say('everything is built.');
});
