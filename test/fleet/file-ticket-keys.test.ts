import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createServer, FileTicketKeys, type TlsServer } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen } from '../fixtures/peers.ts';
import { visit } from '../fixtures/visit.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');

describe('Ticket keys of a fleet from a file', () => {
  const kept = keptServers();
  let folder: string;
  const secret = (): string => randomBytes(48).toString('base64');

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 's2n-pkey-tickets-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string, mode = 0o600): string {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text, { mode });
    chmodSync(`${path}.new`, mode);
    renameSync(`${path}.new`, path);
    return path;
  }

  interface Member {
    readonly server: TlsServer;
    readonly port: number;
    readonly ticketKeys: FileTicketKeys;
    readonly errors: Error[];
  }

  async function member(file: string, answer: 'available' | 'unavailable' = 'available'): Promise<Member> {
    const ticketKeys = await FileTicketKeys.open({ file });
    const errors: Error[] = [];
    ticketKeys.on('unavailable', (error) => errors.push(error));
    const answered = once(ticketKeys, answer);
    const server = createServer({ cert, signer: new AsynchronousSigner(key), ticketKeys }, (socket) =>
      socket.end('answer'),
    );
    kept(server).once('close', () => ticketKeys.close());
    await answered;
    return { server, port: await listen(server), ticketKeys, errors };
  }

  it('let machines with the same secret resume the sessions of each other', async () => {
    const text = `# of the fleet\n${secret()}\n`;
    const [one, other] = [await member(write('one', text)), await member(write('other', text, 0o640))];
    const { session } = await visit(one.server, one.port);
    expect((await visit(other.server, other.port, { session })).reused).to.equal(true);
    const stranger = await member(write('stranger', secret()));
    expect((await visit(stranger.server, stranger.port, { session })).reused).to.equal(false);
  });

  it('go on to another secret at the time that its line says', async () => {
    const [former, later] = [secret(), secret()];
    const line = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
    const before = await member(write('before', former));
    const announced = await member(write('announced', `${former}\n${later} ${line(365)}\n`));
    const over = await member(write('over', `${former}\n${later} ${line(-2)}\n`));
    const only = await member(write('only', later));
    const { session } = await visit(before.server, before.port);
    expect((await visit(announced.server, announced.port, { session })).reused).to.equal(true);
    const fresh = await visit(over.server, over.port);
    expect((await visit(only.server, only.port, { session: fresh.session })).reused).to.equal(true);
  });

  it('change when the file does, and stay while it cannot be used', async () => {
    const [former, later] = [secret(), secret()];
    const one = await member(write('one', former));
    const other = await member(write('other', later));
    const { session } = await visit(other.server, other.port);
    expect((await visit(one.server, one.port, { session })).reused).to.equal(false);
    const broken = once(one.ticketKeys, 'unavailable') as Promise<[Error]>;
    write('one', 'no secret at all');
    const [error] = await broken;
    expect(error.cause).to.include({ code: 'ERR_S2N_PKEY_TICKET_KEYS_FILE' });
    const own = await visit(one.server, one.port);
    expect((await visit(one.server, one.port, { session: own.session })).reused).to.equal(true);
    write('one', later);
    await when(
      'the secret of the new file',
      () => visit(one.server, one.port, { session }),
      ({ reused }) => reused,
    );
    expect(one.ticketKeys.state.heldUntil?.getTime()).to.be.greaterThan(Date.now());
  });

  it('say what is wrong with the file, and the server serves', async () => {
    const good = secret();
    const cases: [string, string][] = [
      [write('open', good, 0o644), 'mode 644'],
      [write('writable', good, 0o620), 'mode 620'],
      [join(folder, 'none'), 'cannot be read'],
      [write('empty', '# nothing\n'), 'no secret'],
      [write('short', randomBytes(31).toString('base64')), 'line 1'],
      [write('words', `${good} from tomorrow on`), 'line 1'],
      [write('order', `${good} 2027-01-01T00:00:00Z\n${secret()} 2026-01-01T00:00:00Z`), 'line 2'],
      [write('zone', `${good}\n${secret()} 2027-01-01T00:00:00`), 'line 2'],
      [write('late', `${good} 2999-01-01T00:00:00Z`), 'the first line needs no time'],
    ];
    for (const [file, words] of cases) {
      const { server, port, errors } = await member(file, 'unavailable');
      const [error] = errors;
      expect(error?.cause, words).to.include({ code: 'ERR_S2N_PKEY_TICKET_KEYS_FILE' });
      expect(error?.message).to.contain(words);
      expect(error?.message).not.to.contain(good);
      const { session } = await visit(server, port);
      expect((await visit(server, port, { session })).reused, words).to.equal(true);
    }
  });
});
