import { once } from 'node:events';
import { expect } from 'chai';
import {
  createServer,
  type TlsServer,
  VaultTicketKeys,
  type VaultTicketKeysOptions,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { needs } from '../fixtures/needs.ts';
import { listen } from '../fixtures/peers.ts';
import { visit } from '../fixtures/visit.ts';
import { OpenBao } from '../signers/vault/open-bao.ts';

const { key: privateKey, cert } = identity('P-256');

describe('Ticket keys of a fleet from Transit', () => {
  needs('openbao');
  const kept = keptServers();
  let bao: OpenBao;
  let token: string;

  before(async function () {
    this.timeout(120_000);
    bao = await OpenBao.start();
    await bao.ask('POST', 'transit/keys/tickets', { type: 'hmac', key_size: 48 });
    await bao.ask('POST', 'transit/keys/tickets/rotate', {});
    const policy = 'path "transit/hmac/tickets/sha2-384" { capabilities = ["update"] }';
    token = await bao.makeToken(policy);
  });
  after(() => bao.stop());

  interface Member {
    readonly server: TlsServer;
    readonly port: number;
    readonly error: Error | undefined;
  }

  async function member(options: Partial<VaultTicketKeysOptions> = {}, isAway = false): Promise<Member> {
    const { address } = bao;
    const ticketKeys = await VaultTicketKeys.open({ key: 'tickets', address, token, ...options });
    const answered = once(ticketKeys, isAway ? 'unavailable' : 'available') as Promise<[Error]>;
    const signer = new AsynchronousSigner(privateKey);
    const server = createServer({ cert, signer, ticketKeys }, (socket) => socket.end('answer'));
    kept(server).once('close', () => ticketKeys.close());
    const [error] = await answered;
    return { server, port: await listen(server), error };
  }

  it('let machines resume the sessions of each other, with a token that may do nothing else', async () => {
    const [one, other] = [await member(), await member()];
    const { session } = await visit(one.server, one.port);
    expect((await visit(other.server, other.port, { session })).reused).to.equal(true);
  }).timeout(30_000);

  it('stay with their version when the key is rotated, and go on at the time that next says', async () => {
    const past = new Date(Date.now() - 2 * 86_400_000);
    const future = new Date(Date.now() + 365 * 86_400_000);
    const one = await member();
    const announced = await member({ next: { keyVersion: 2, from: future } });
    const { session } = await visit(one.server, one.port);
    expect((await visit(announced.server, announced.port, { session })).reused).to.equal(true);
    const over = await member({ next: { keyVersion: 2, from: past } });
    expect((await visit(over.server, over.port, { session })).reused).to.equal(false);
    const second = await member({ keyVersion: 2 });
    const fresh = await visit(over.server, over.port);
    expect((await visit(second.server, second.port, { session: fresh.session })).reused).to.equal(true);
  }).timeout(30_000);

  it('serve at once where the server gives none, and say why', async () => {
    const cases: [Partial<VaultTicketKeysOptions>, string, string][] = [
      [{ key: 'other' }, 'ERR_S2N_PKEY_VAULT_ACCESS_DENIED', 'capabilities = ["update"]'],
      [{ key: 'none', token: bao.token }, 'ERR_S2N_PKEY_VAULT_NOT_FOUND', 'name of the key'],
      [{ keyVersion: 9 }, 'ERR_S2N_PKEY_VAULT_KEY_VERSION', 'version'],
      [{ address: 'http://127.0.0.1:9' }, 'ERR_S2N_PKEY_VAULT_UNREACHABLE', 'address'],
    ];
    for (const [options, code, words] of cases) {
      const { server, port, error } = await member(options, true);
      expect(error, code).to.include({ code: 'ERR_S2N_PKEY_TICKET_KEYS_UNAVAILABLE' });
      expect(error?.cause, code).to.include({ code });
      expect(error?.message).to.contain(words);
      const { session } = await visit(server, port);
      expect((await visit(server, port, { session })).reused, code).to.equal(true);
    }
  }).timeout(30_000);
});
