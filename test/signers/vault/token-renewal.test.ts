import { expect } from 'chai';
import { TokenRenewal } from '../../../lib/signers/vault/token-renewal.ts';
import { TokenSource } from '../../../lib/signers/vault/token-source.ts';
import { VaultClient } from '../../../lib/signers/vault/vault-client.ts';

const lookup = 'auth/token/lookup-self';
const renewal = 'auth/token/renew-self';

/** A server of tokens: what it answers is taken from `answers`, in order; 400 after that. */
function renewing(...answers: [number, object][]): {
  asked: string[];
  delays: number[];
  renewal: TokenRenewal;
  pass: () => Promise<void>;
} {
  const asked: string[] = [];
  const delays: number[] = [];
  let due: (() => void) | undefined;
  let settled: (() => void) | undefined;
  const client = new VaultClient(
    'http://vault.example',
    undefined,
    (url) => {
      asked.push(url.replace('http://vault.example/v1/', ''));
      const [status, body] = answers.shift() ?? [400, {}];
      return Promise.resolve({
        status,
        body: (async function* () {
          yield Buffer.from(JSON.stringify(body));
        })(),
      });
    },
    new TokenSource('t'),
  );
  const after = (milliseconds: number, act: () => void): (() => void) => {
    delays.push(milliseconds);
    due = act;
    settled?.();
    return () => (due = undefined);
  };
  /** Lets the timer's time pass, until another timer is waited for. */
  const pass = async (): Promise<void> => {
    const act = due ?? expect.fail('no timer is waited for');
    due = undefined;
    const next = new Promise<void>((resolve) => (settled = resolve));
    act();
    await next;
  };
  return { asked, delays, renewal: new TokenRenewal(client, after), pass };
}

const looked: [number, object] = [200, { data: { ttl: 100, renewable: true } }];
const renewed: [number, object] = [200, { auth: { lease_duration: 200, renewable: true } }];
/** As many as one request tries. */
const away: [number, object][] = Array.from({ length: 4 }, () => [503, {}]);

describe('the renewal of a token of Vault', () => {
  it('is due when half of its time is over', async () => {
    const held = renewing(looked, renewed);
    await held.renewal.start();
    expect(held.delays).to.deep.equal([50_000]);
    await held.pass();
    expect(held.delays).to.deep.equal([50_000, 100_000]);
    expect(held.asked).to.deep.equal([lookup, renewal]);
  });

  it('begins also where the first look fails, once the server is there', async () => {
    const held = renewing(...away, looked, renewed);
    await held.renewal.start();
    expect(held.delays).to.have.lengthOf(1);
    expect(held.delays[0]).to.be.within(500, 1_000);
    await held.pass();
    await held.pass();
    expect(held.delays.slice(1)).to.deep.equal([50_000, 100_000]);
  });

  it('starts by renewing the token if the policy forbids looking it up', async () => {
    const held = renewing([403, {}], renewed);
    await held.renewal.start();
    expect(held.asked).to.deep.equal([lookup, renewal]);
    expect(held.delays).to.deep.equal([100_000]);
  });

  it('is tried again as long as the server fails, at most a minute apart', async () => {
    const held = renewing(looked, ...Array.from({ length: 9 }, () => away).flat(), renewed);
    await held.renewal.start();
    for (let tries = 0; tries < 10; tries++) await held.pass();
    const waits = held.delays.slice(1, -1);
    expect(waits).to.have.lengthOf(9);
    waits.forEach((wait, index) => {
      const most = Math.min(1_000 * 2 ** index, 60_000);
      expect(wait).to.be.within(most / 2, most);
    });
    expect(held.delays.at(-1)).to.equal(100_000);
  });

  it('is tried again after a refusal where it was possible before: a standby may not know the token yet', async () => {
    const held = renewing(looked, [403, {}], renewed);
    await held.renewal.start();
    await held.pass();
    await held.pass();
    expect(held.delays.at(-1)).to.equal(100_000);
  });

  it('ends where the token may not be renewed, and where it is stopped', async () => {
    const refused = renewing([403, {}], [403, {}]);
    await refused.renewal.start();
    expect(refused.delays).to.deep.equal([]);
    expect(refused.asked).to.deep.equal([lookup, renewal]);
    const stopped = renewing(looked);
    stopped.renewal.stop();
    await stopped.renewal.start();
    expect(stopped.delays).to.deep.equal([]);
  });
});
