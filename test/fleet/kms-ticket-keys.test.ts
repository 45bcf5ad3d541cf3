import { once } from 'node:events';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  KMSClient,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createServer, KmsTicketKeys, type KmsTicketKeysOptions, type TlsServer } from '../../lib/index.ts';
import { prometheusMetrics } from '../../lib/observe/prometheus.ts';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen } from '../fixtures/peers.ts';
import { visit } from '../fixtures/visit.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');

describe('Ticket keys that a fleet derives from a key in KMS', () => {
  const kept = keptServers();
  let kms: LocalKms;
  let client: KMSClient;
  let keyId: string;

  async function createHmacKey(spec: 'HMAC_384' | 'HMAC_256' = 'HMAC_384'): Promise<string> {
    const { KeyMetadata } = await client.send(
      new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'GENERATE_VERIFY_MAC' }),
    );
    return KeyMetadata?.Arn ?? expect.fail('the local KMS made no key');
  }

  before(async () => {
    kms = await startLocalKms();
    client = new KMSClient(kms.clientOptions);
    keyId = await createHmacKey();
  });

  after(async () => {
    client.destroy();
    await kms.close();
  });

  interface Member {
    readonly server: TlsServer;
    readonly signer: AsynchronousSigner;
    readonly port: number;
    readonly ticketKeys: KmsTicketKeys;
  }

  /** A machine of the fleet; once it has the fleet's keys, unless they are not to be had. */
  async function member(options: Partial<KmsTicketKeysOptions> = {}, isAway = false): Promise<Member> {
    const ticketKeys = await KmsTicketKeys.open({ keyId, ...kms.clientOptions, ...options });
    const answered = once(ticketKeys, isAway ? 'unavailable' : 'available');
    const signer = new AsynchronousSigner(key);
    const server = createServer({ cert, signer, ticketKeys }, (socket) => socket.end('answer'));
    kept(server);
    server.once('close', () => ticketKeys.close());
    await answered;
    return { server, signer, port: await listen(server), ticketKeys };
  }

  it('let each machine resume the sessions of every other, without a signature', async () => {
    const [one, other] = [await member(), await member()];
    const first = await visit(one.server, one.port);
    const second = await visit(other.server, other.port, { session: first.session });
    expect(second.reused).to.equal(true);
    const third = await visit(one.server, one.port, { session: second.session });
    expect(third.reused).to.equal(true);
    expect(one.signer.operations).to.have.lengthOf(1);
    expect(other.signer.operations).to.have.lengthOf(0);
    expect(one.ticketKeys.state.heldUntil?.getTime()).to.be.greaterThan(Date.now());
    expect(Math.abs(one.ticketKeys.state.clockAhead ?? NaN)).to.be.at.most(2000);
  });

  it('show in the metrics until when they last, when KMS answered last, and how the clock differs', async () => {
    using metrics = prometheusMetrics();
    const valueOf = (name: string): number =>
      Number(new RegExp(`^s2n_pkey_ticket_keys_${name} (.*)$`, 'm').exec(metrics.text())?.[1] ?? NaN);
    expect(valueOf('held_until_timestamp_seconds')).to.be.NaN;
    const { ticketKeys } = await member();
    const { heldUntil } = await when(
      'all keys of a day',
      () => Promise.resolve(ticketKeys.state),
      ({ lastSuccess }) => lastSuccess !== undefined,
    );
    expect(valueOf('held_until_timestamp_seconds')).to.equal((heldUntil?.getTime() ?? 0) / 1000);
    expect(valueOf('success_timestamp_seconds')).to.be.within(Date.now() / 1000 - 60, Date.now() / 1000);
    expect(Math.abs(valueOf('clock_ahead_seconds'))).to.be.at.most(2);
    await member({ keyId: 'alias/none' }, true);
    expect(valueOf('held_until_timestamp_seconds'), 'of the worst').to.equal(0);
  });

  it('give no tickets in TLS 1.2, unless asked for: those keys can be made again', async () => {
    const options = { maxVersion: 'TLSv1.2' } as const;
    const without = await member();
    const given = await visit(without.server, without.port, options);
    const again = await visit(without.server, without.port, { ...options, session: given.session });
    expect(again.reused).to.equal(false);
    expect(without.signer.operations).to.have.lengthOf(2);
    const [one, other] = [await member({ tls12: true }), await member({ tls12: true })];
    const { session } = await visit(one.server, one.port, options);
    expect((await visit(other.server, other.port, { ...options, session })).reused).to.equal(true);
  });

  it('are of no use to machines of another generation or another key', async () => {
    const one = await member();
    const { session } = await visit(one.server, one.port);
    for (const options of [{ generation: 1 }, { keyId: await createHmacKey() }]) {
      const other = await member(options);
      expect((await visit(other.server, other.port, { session })).reused).to.equal(false);
    }
  });

  it('go on from one key to the next without a session that is lost', async () => {
    const next = { keyId: await createHmacKey(), from: new Date(Date.now() - 86_400_000) };
    const later = { ...next, from: new Date(Date.now() + 365 * 86_400_000) };
    const [before, announced, after] = [
      await member(),
      await member({ next: later }),
      await member({ next }),
    ];
    const { session } = await visit(before.server, before.port);
    expect((await visit(announced.server, announced.port, { session })).reused).to.equal(true);
    expect((await visit(after.server, after.port, { session })).reused).to.equal(false);
    const only = await member({ keyId: next.keyId });
    const fresh = await visit(after.server, after.port);
    expect((await visit(only.server, only.port, { session: fresh.session })).reused).to.equal(true);
  });

  it('serve at once where KMS gives none, and say why', async () => {
    const disabled = await createHmacKey();
    await client.send(new DisableKeyCommand({ KeyId: disabled }));
    const cases: [string, Partial<KmsTicketKeysOptions>, string][] = [
      ['a key that is disabled', { keyId: disabled }, 'ERR_S2N_PKEY_KMS_KEY_DISABLED'],
      ['a key of another kind', { keyId: await createHmacKey('HMAC_256') }, 'ERR_S2N_PKEY_KMS_KEY_USAGE'],
      ['no key', { keyId: 'alias/none' }, 'ERR_S2N_PKEY_KMS_NOT_FOUND'],
      ['no KMS', { endpoint: 'http://127.0.0.1:9' }, 'ERR_S2N_PKEY_KMS_UNREACHABLE'],
    ];
    for (const [what, options, code] of cases) {
      const one = await member(options, true);
      const error = one.ticketKeys.state.lastError;
      expect(error, what).to.include({ code: 'ERR_S2N_PKEY_TICKET_KEYS_UNAVAILABLE' });
      expect(error?.cause, what).to.include({ code });
      const { session } = await visit(one.server, one.port);
      expect((await visit(one.server, one.port, { session })).reused, what).to.equal(true);
    }
  });

  it('refuse an alias that moves, since the others may not know', async () => {
    const alias = 'alias/tickets';
    await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: keyId }));
    const one = await member({ keyId: alias });
    await client.send(new UpdateAliasCommand({ AliasName: alias, TargetKeyId: await createHmacKey() }));
    const refused = once(one.ticketKeys, 'unavailable') as Promise<[Error]>;
    // A server with sessions of another length asks for secrets of its own.
    kept(createServer({ cert, signer: one.signer, ticketKeys: one.ticketKeys, sessionTimeout: 60 }));
    const [error] = await refused;
    expect(error.cause).to.include({ code: 'ERR_S2N_PKEY_TICKET_KEYS_MOVED' });
    expect(error.message).to.contain(alias);
  });
});
