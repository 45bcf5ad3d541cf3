import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from 'node:net';
import { expect } from 'chai';
import { attach, FleetTicketKeys } from '../../lib/index.ts';
import { serverOptionsOf } from '../../lib/register/server-options.ts';
import { readSettings } from '../../lib/register/settings.ts';
import { connectTls, close, listen } from '../fixtures/peers.ts';
import { identity } from '../fixtures/identity.ts';

const { key, cert } = identity('P-256');

describe('Ticket keys of a fleet in the settings', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-fleet-'));
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'tickets.key'), randomBytes(48).toString('base64'), { mode: 0o600 });
  });
  after(() => rmSync(folder, { recursive: true }));

  const settings = (fleetTicketKeys: object): NodeJS.ProcessEnv => ({
    ...{ S2N_PKEY_CERT: 'cert.pem', S2N_PKEY_LOCAL_KEY: 'key.pem' },
    S2N_PKEY_FLEET_TICKET_KEYS: JSON.stringify(fleetTicketKeys),
  });

  async function program(): Promise<{ server: Server; port: number }> {
    const read = readSettings(settings({ file: { path: 'tickets.key' } }), folder);
    const options = await serverOptionsOf(read);
    const { ticketKeys } = options;
    if (!(ticketKeys instanceof FleetTicketKeys)) throw new Error('no ticket keys of a fleet');
    const available = once(ticketKeys, 'available');
    const server = attach(createHttpsServer(), options);
    server.once('close', () => ticketKeys.close());
    await available;
    return { server, port: await listen(server) };
  }

  it('let the attached servers of several programs resume the sessions of each other', async () => {
    const [one, other] = [await program(), await program()];
    const first = await connectTls(one.port, { ALPNProtocols: ['http/1.1'] });
    first.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    const [session] = (await once(first, 'session')) as [Buffer];
    first.destroy();
    const second = await connectTls(other.port, { session, ALPNProtocols: ['http/1.1'] });
    expect(second.isSessionReused()).to.equal(true);
    second.destroy();
    await Promise.all([close(one.server), close(other.server)]);
  });

  it('are of KMS, Vault or a file, and each entry is checked by its whole name', () => {
    const from = '2027-01-01T00:00:00Z';
    const kms = { keyId: 'alias/tickets', region: 'eu-west-1', generation: 2, tls12: true };
    const { fleetTicketKeys } = readSettings(
      settings({ kms: { ...kms, next: { keyId: 'alias/b', from } } }),
      folder,
    );
    expect(fleetTicketKeys?.kms).to.deep.include({
      ...kms,
      next: { keyId: 'alias/b', from: new Date(from) },
    });
    const cases: [object, RegExp][] = [
      [{}, /S2N_PKEY_FLEET_TICKET_KEYS: expected an object with one of kms, vault, file/],
      [{ kms, file: { path: 'a' } }, /S2N_PKEY_FLEET_TICKET_KEYS: expected an object with one of/],
      [{ kms: {} }, /S2N_PKEY_FLEET_TICKET_KEYS.kms.keyId: expected/],
      [{ kms: { ...kms, reach: -1 } }, /S2N_PKEY_FLEET_TICKET_KEYS.kms.reach: expected/],
      [{ vault: { key: 'a', keyVersion: 0 } }, /S2N_PKEY_FLEET_TICKET_KEYS.vault.keyVersion: expected/],
      [{ kms: { ...kms, next: { keyId: 'a', from: 'soon' } } }, /next.from: expected a Date, or a text/],
      [{ kms: { ...kms, next: { keyId: 'a', from: '2027-01-01T00:00:00' } } }, /next.from: expected a Date/],
    ];
    for (const [given, message] of cases)
      expect(() => readSettings(settings(given), folder)).to.throw(message);
    const both = { ...settings({ kms }), S2N_PKEY_TICKET_KEYS: 'keys' };
    expect(() => readSettings(both, folder)).to.throw(
      /both S2N_PKEY_TICKET_KEYS and S2N_PKEY_FLEET_TICKET_KEYS/,
    );
  });
});
