import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { prebuiltKinds, thisMachine } from '../../lib/native/machine.ts';

interface Target {
  readonly kind: string;
  readonly cpu: string;
  readonly libc: string;
}
type Check = (addon: string, target: { cpu: string; libc: string }) => Promise<void>;

const checkout = new URL('../../', import.meta.url);
const built = fileURLToPath(new URL('build/Release/s2n_pkey.node', checkout));

async function script<T>(path: string): Promise<T> {
  return (await import(new URL(path, checkout).href)) as T;
}

async function refusal(promise: Promise<void>): Promise<string> {
  return await promise.then(
    () => 'it was not refused',
    (error: unknown) => String(error),
  );
}

describe('The prebuilt addons of a release', () => {
  it('are built for the kinds of machine that the loader looks for', async () => {
    const { targets } = await script<{ targets: readonly Target[] }>('scripts/prebuild/targets.mjs');
    expect(targets.map(({ kind }) => kind)).to.have.members([...prebuiltKinds]);
  });

  it('are refused when they are for another processor or need another C library', async () => {
    const { assertLoadsOnOlderSystems: check } = await script<{ assertLoadsOnOlderSystems: Check }>(
      'scripts/package/portability.mjs',
    );
    const { arch: cpu, libc } = thisMachine();
    await check(built, { cpu, libc });
    const otherCpu = cpu === 'x64' ? 'arm64' : 'x64';
    expect(await refusal(check(built, { cpu: otherCpu, libc }))).to.include('another processor');
    const otherLibc = libc === 'glibc' ? 'musl' : 'glibc';
    expect(await refusal(check(built, { cpu, libc: otherLibc }))).to.include('libraries that users');
  });
});
