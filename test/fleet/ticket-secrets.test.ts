import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { LocalKeySigner } from '../../lib/index.ts';
import { publicKeyFingerprint } from '../../lib/signers/certificate-match.ts';
import { deriveBytes } from '../../lib/tls/context/derive-bytes.ts';
import { identity } from '../fixtures/identity.ts';
import { searchMemory } from '../fixtures/memory-image.ts';
import { runProgram } from '../fixtures/program.ts';

const { key, cert } = identity('P-256');
const HOUR = 3600;
const fleetSecret = 'the secret of the fleet, which is long enough';

const hkdf = (secret: Buffer, salt: Uint8Array, info: Uint8Array | string, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, length));

/** All that a process derives for one epoch, by name. */
function secretsOf(epoch: number): Map<string, Buffer> {
  const label = `s2n-pkey ticket keys 1\n0\n${HOUR}\n${epoch}`;
  const secret = createHmac('sha384', fleetSecret).update(label).digest();
  const ofEpoch = hkdf(secret, Buffer.alloc(0), 's2n-pkey fleet ticket key', 48);
  const fingerprint = publicKeyFingerprint(new LocalKeySigner({ key }).publicKey);
  const purpose = createHash('sha256').update(`s2n-pkey session ticket\0\0${fingerprint}`).digest();
  const ofContext = hkdf(ofEpoch.subarray(16), ofEpoch.subarray(0, 16), purpose, 48);
  // s2n_config_add_ticket_crypto_key
  const aes = hkdf(ofContext.subarray(16), Buffer.alloc(0), '', 32);
  return new Map([
    [`what the source gave for ${epoch}`, secret],
    [`the key of epoch ${epoch}`, ofEpoch.subarray(16)],
    [`the key of a context in epoch ${epoch}`, ofContext.subarray(16)],
    [`the AES key of epoch ${epoch}`, aes],
  ]);
}

describe("The secrets of a fleet's ticket keys", () => {
  it('are derived as HKDF says', () => {
    for (const length of [1, 32, 33, 48, 100]) {
      const [secret, salt, info] = ['secret', '', 'info'].map((text) => Buffer.from(text));
      if (!secret || !salt || !info) return;
      const bytes = deriveBytes(secret, salt, info, length);
      expect(Buffer.from(bytes)).to.deep.equal(hkdf(secret, salt, info, length));
      expect(Buffer.from(deriveBytes(secret, secret, info, length))).to.deep.equal(
        hkdf(secret, secret, info, length),
      );
    }
  });

  it('are nowhere in memory once the last ticket of their epoch has expired, also if no connection comes', async () => {
    const file = new URL('../fixtures/fleet-server.ts', import.meta.url);
    const program = runProgram(file, [], { KEY: key, CERT: cert, FLEET_SECRET: fleetSecret });
    try {
      const port = (await program.nextLine()) as number;
      const epoch = Math.floor(Date.now() / 1000 / HOUR);
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(client, 'secureConnect');
      client.write('hello');
      await once(client, 'data'); // It stays open.
      const needles = new Map([...secretsOf(epoch), ...secretsOf(epoch + 10)]);
      const held = [...searchMemory(program.pid, needles).found];
      const keysOf = (each: number): string[] => [`the key of epoch ${each}`, `the AES key of epoch ${each}`];
      expect(held).to.include.members([...keysOf(epoch), ...keysOf(epoch + 10)]);
      expect(held).not.to.include(`what the source gave for ${epoch}`);
      program.sendLine(String((epoch + 1) * HOUR + 2 * HOUR + 2 - Math.floor(Date.now() / 1000)));
      expect(await program.nextLine()).to.equal('passed');
      const later = [...searchMemory(program.pid, needles).found];
      expect(later.filter((each) => each.endsWith(String(epoch)))).to.deep.equal([]);
      expect(later).to.include(`the key of epoch ${epoch + 10}`);
      client.destroy();
    } finally {
      await program.stop();
    }
  }).timeout(60_000);
});
