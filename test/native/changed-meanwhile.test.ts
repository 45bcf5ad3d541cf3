import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';

type CompileAsItIs = (compile: () => Promise<void>, paths: readonly string[]) => Promise<void>;

const script = new URL('../../scripts/build/changed-meanwhile.mjs', import.meta.url).href;

describe('A native build', () => {
  let compileAsItIs: CompileAsItIs;
  let folder: string;
  let source: string;
  let object: string;
  before(async () => {
    ({ compileAsItIs } = (await import(script)) as { compileAsItIs: CompileAsItIs });
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-sources-'));
    source = join(folder, 'source.cc');
    object = join(folder, 'object');
    writeFileSync(source, 'old');
    setTime(source, 1);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function setTime(file: string, second: number): void {
    utimesSync(file, second, second);
  }

  /** As Ninja does: only where the source is newer. `meanwhile` happens when the source has been read. */
  function compiler(meanwhile: (round: number) => void): {
    compile: () => Promise<void>;
    rounds: () => number;
  } {
    let rounds = 0;
    const compile = async (): Promise<void> => {
      const made = statSync(object, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (statSync(source).mtimeMs <= made) return;
      const text = readFileSync(source, 'utf8');
      await setTimeout(5); // longer than a step of the clock
      rounds++;
      meanwhile(rounds);
      writeFileSync(object, text);
    };
    return { compile, rounds: () => rounds };
  }

  it('compiles again what changed while it was compiled', async () => {
    const { compile, rounds } = compiler((round) => {
      if (round > 1) return;
      writeFileSync(source, 'new');
      setTime(source, 2); // older than the object, which has the text of before
    });
    await compileAsItIs(compile, [source]);
    expect(readFileSync(object, 'utf8')).to.equal('new');
    expect(rounds()).to.equal(2);
  });

  it('compiles once where nothing changed', async () => {
    const { compile, rounds } = compiler(() => undefined);
    await compileAsItIs(compile, [source]);
    expect(rounds()).to.equal(1);
  });

  it('leaves a change to the next build if the compilation fails', async () => {
    const fails = (): Promise<void> => {
      writeFileSync(object, readFileSync(source, 'utf8'));
      writeFileSync(source, 'new');
      setTime(source, 2);
      return Promise.reject(new Error('another file does not compile'));
    };
    const outcome = await compileAsItIs(fails, [source]).then(() => 'built', String);
    expect(outcome).to.include('another file does not compile');
    expect(statSync(source).mtimeMs).to.be.at.least(statSync(object).mtimeMs);
  });

  it('gives up where the sources never rest', async () => {
    const { compile } = compiler((round) => {
      setTime(source, round + 1);
    });
    const outcome = await compileAsItIs(compile, [source]).then(() => 'built', String);
    expect(outcome).to.include('the sources change while they are built');
  });
});
