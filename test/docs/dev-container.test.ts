import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

const folder = new URL('../../.devcontainer/', import.meta.url);
const dockerfile = readFileSync(new URL('Dockerfile', folder), 'utf8');
const ci = readFileSync(new URL('../../.ci/run', import.meta.url), 'utf8');

describe('The dev container', () => {
  it('is JSON without comments, and names a Dockerfile that exists', () => {
    const { build } = JSON.parse(readFileSync(new URL('devcontainer.json', folder), 'utf8')) as {
      build: { dockerfile: string };
    };
    expect(existsSync(new URL(build.dockerfile, folder))).to.equal(true);
  });

  it('has every package of Debian that .ci/run installs', () => {
    const pairs = /< <\(needs ([^)]+)\)/.exec(ci)?.[1]?.split(/\s+/) ?? [];
    const others = [...ci.matchAll(/missing\+=\(([\w-]+)\)/g)].map(([, name = '']) => name);
    const packages = [...pairs.filter((_, index) => index % 2 === 1), ...others];
    expect(packages).to.include.members(['cmake', 'clang-format-14', 'libclang-rt-14-dev']);
    const installed = new Set(/apt-get install([\s\S]*?)\n {2}&&/.exec(dockerfile)?.[1]?.split(/[\s\\")]+/));
    expect(packages.filter((name) => !installed.has(name))).to.deep.equal([]);
  });

  it('starts from a Node that is supported', () => {
    expect(dockerfile).to.match(/^FROM node:(20|22|24|26)-bookworm$/m);
  });
});
