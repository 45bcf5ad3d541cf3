import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';

const { key, cert } = identity('P-256');
const program = fileURLToPath(new URL('../fixtures/garbage-collection-program.ts', import.meta.url));

interface Found {
  readonly lived: Readonly<Record<string, string>>;
  readonly watched: readonly string[];
  readonly held: readonly string[];
  readonly operations: number;
}

describe('garbage collection', function () {
  this.timeout(90_000);
  let found: Found;

  before(async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--no-warnings', '--expose-gc', '--import', 'tsx', program],
      { env: { ...process.env, KEY: key, CERT: cert }, timeout: 80_000 },
    );
    found = JSON.parse(stdout) as Found;
  });

  it('takes nothing that lives, in whatever state, though no variable refers to it', () => {
    expect(found.lived).to.deep.equal({
      'a connection that is idle': 'still here',
      'a server that nobody refers to': 'served',
      'a handshake that has not begun': 'handshake done',
      'a handshake that waits for its signature': 'signed',
      'a connection that is half-closed': 'after the end',
      'a connection with data on its way': `${4 << 20} bytes`,
      'a request of an attached server': 'answered',
      'a client that nobody refers to': 'to the client',
    });
  });

  it('takes all that is over, however it ended: sockets, servers and signers', () => {
    expect(found.watched).to.have.members([
      'ended in order',
      'destroyed',
      'a handshake that timed out',
      'a signature that never came',
      'a client that was refused',
    ]);
    expect(found.held).to.deep.equal([]);
    expect(found.operations).to.equal(0);
  });
});
