import { expect } from 'chai';
import { EventReader, readEvent, type StreamListener } from '../../lib/native/events.ts';

/** As `lib/native/events.ts` and `binding/engine/events.h` number them. */
const CLOSED = 4;
const SESSION = 8;

describe('a batch of events', () => {
  function read(reader: EventReader): [stream: number, told: unknown[]] {
    const told: unknown[] = [];
    const listener = {
      onClosed: () => told.push('closed'),
      onSession: (session) => told.push(session),
    } as Partial<StreamListener> as StreamListener;
    let of = 0;
    readEvent(reader, (stream, deliver) => {
      of = stream;
      deliver(listener);
    });
    return [of, told];
  }

  it('holds the kind, the stream, the number of values and the values of each event', () => {
    const session = new Uint8Array([1, 2, 3]);
    const reader = new EventReader([SESSION, 7, 1, session, CLOSED, 8, 0]);
    expect(read(reader)).to.deep.equal([7, [session]]);
    expect(read(reader)).to.deep.equal([8, ['closed']]);
    expect(reader.done).to.equal(true);
  });

  for (const [what, values, message] of [
    [
      'more values than it is read with',
      [CLOSED, 7, 2, 'one', 'two'],
      'event 4 has 2 values, and 0 were read',
    ],
    ['fewer values than it is read with', [SESSION, 7, 0], 'expected bytes, and found number'],
    ['a value of another type', [SESSION, 7, 1, 'text'], 'expected bytes, and found string'],
    ['an unknown kind', [99, 7, 1, 'new'], 'unknown event 99'],
  ] as const) {
    it(`with ${what} is refused, and the next event is read`, () => {
      const after = new Uint8Array([9]);
      const reader = new EventReader([...values, SESSION, 8, 1, after]);
      expect(() => read(reader)).to.throw(message);
      expect(read(reader)).to.deep.equal([8, [after]]);
    });
  }

  it('that ends within an event is refused', () => {
    const reader = new EventReader([SESSION, 7, 2, new Uint8Array()]);
    expect(() => read(reader)).to.throw('event 8 has 2 values, and the batch ends before them');
    expect(reader.done).to.equal(true);
  });
});
