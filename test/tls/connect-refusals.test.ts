import { expect } from 'chai';
import { connect, InvalidOptionError } from '../../lib/index.ts';
import { when } from '../fixtures/when.ts';

const nothing = (): undefined => undefined;
const refused: readonly (readonly [string, unknown])[] = [
  ...['text', 42, {}, [], nothing].map((value) => ['socket', value] as const),
  ...[42, {}].map((value) => ['path', value] as const),
  ['host', 42],
  ['port', 'text'],
  ['localAddress', 'text'],
  ['localPort', 'text'],
  ['keepAliveInitialDelay', 'text'],
  ['autoSelectFamily', 'text'],
];

describe('connect with an option that cannot be', () => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'PipeWrap' || kind === 'TCPSocketWrap').length;

  for (const [name, value] of refused) {
    it(`throws, and leaves nothing open: ${name} as ${Array.isArray(value) ? 'array' : typeof value}`, async () => {
      const before = sockets();
      expect(() => connect({ port: 1, host: '127.0.0.1', [name]: value })).to.throw();
      await when('the sockets are closed', sockets, (seen) => seen <= before);
    });
  }

  it('refuses a `socket` that is not a stream, by name', () => {
    expect(() => connect({ socket: 'text' as never })).to.throw(InvalidOptionError, /socket.*Duplex/);
  });
});
