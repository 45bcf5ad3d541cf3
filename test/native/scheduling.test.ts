import { expect } from 'chai';
import { readScheduling } from '../../lib/native/scheduling.ts';
import { identity } from '../fixtures/identity.ts';
import { runProgram } from '../fixtures/program.ts';

const program = new URL('../fixtures/scheduling-program.ts', import.meta.url);
/** Of sched(7). */
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;

describe('what tunes the engine', () => {
  const defaults = { batchThreads: true, spin: 30, eventBatch: 500, turn: 2000, keepFreedMemory: false };

  async function answerOf(environment: NodeJS.ProcessEnv): Promise<unknown> {
    const { key, cert } = identity('P-256');
    const running = runProgram(program, [], { KEY: key, CERT: cert, ...environment });
    try {
      return await running.nextLine();
    } finally {
      await running.stop();
    }
  }

  it('has documented defaults, for empty variables too', () => {
    expect(readScheduling({})).to.deep.equal(defaults);
    expect(readScheduling({ S2N_PKEY_SPIN_MICROSECONDS: '', S2N_PKEY_BATCH_THREADS: '' })).to.deep.equal(
      defaults,
    );
  });

  it('reads each variable, up to its limits', () => {
    const given = {
      S2N_PKEY_BATCH_THREADS: '0',
      S2N_PKEY_SPIN_MICROSECONDS: '0',
      S2N_PKEY_EVENT_BATCH_MICROSECONDS: '100000',
      S2N_PKEY_TURN_MICROSECONDS: '100',
      S2N_PKEY_KEEP_FREED_MEMORY: '1',
    };
    expect(readScheduling(given)).to.deep.equal({
      batchThreads: false,
      spin: 0,
      eventBatch: 100_000,
      turn: 100,
      keepFreedMemory: true,
    });
  });

  it('refuses other values, naming the variable, what is expected and what was given', () => {
    for (const [name, value] of [
      ['S2N_PKEY_BATCH_THREADS', 'yes'],
      ['S2N_PKEY_KEEP_FREED_MEMORY', 'true'],
      ['S2N_PKEY_SPIN_MICROSECONDS', '1001'],
      ['S2N_PKEY_SPIN_MICROSECONDS', '-1'],
      ['S2N_PKEY_EVENT_BATCH_MICROSECONDS', '1e3'],
      ['S2N_PKEY_TURN_MICROSECONDS', '99'],
    ] as const) {
      expect(() => readScheduling({ [name]: value }))
        .to.throw(`${name}: expected `)
        .that.has.property('message')
        .that.includes(`given '${value}'`);
    }
  });

  it('makes engine threads work in batches unless S2N_PKEY_BATCH_THREADS is 0', async () => {
    expect(await answerOf({})).to.deep.equal([SCHED_BATCH]);
    expect(await answerOf({ S2N_PKEY_BATCH_THREADS: '0' })).to.deep.equal([SCHED_OTHER]);
  }).timeout(60_000);

  it('is refused in a program when the engine is first used', async () => {
    const answer = await answerOf({ S2N_PKEY_TURN_MICROSECONDS: 'long' });
    expect(answer).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION' });
    expect(answer)
      .to.have.property('message')
      .that.includes('S2N_PKEY_TURN_MICROSECONDS: expected a whole number of microseconds');
  }).timeout(60_000);
});
