// The traffic: a number of connections kept busy, each of a scenario drawn from a shuffled deck, in which every scenario is as
// often as its weight says.
import { HUNG, Tally } from '../harness/accounts.mjs';
import { Peer } from './peer.mjs';
import { scenarios } from './scenarios.mjs';

const patience = 60_000; // for one connection

export class Load {
  #ports;
  #accounts = new Map(scenarios.map(({ name }) => [name, { begun: 0, outcomes: new Tally() }]));
  #running = new Set();
  #wanted = 0;

  /** `ports` by the scenarios' names. */
  constructor(ports) {
    this.#ports = ports;
  }

  /** One connection of each scenario, so that whatever is made at first use is there. */
  async once() {
    await Promise.all(scenarios.map((scenario) => this.#play(scenario)));
  }

  /** Keeps `connections` busy until `rest`. */
  start(connections) {
    this.#wanted = connections;
    while (this.#running.size < this.#wanted) this.#playNext();
  }

  /** Begins nothing more, and waits until what had begun has ended. */
  async rest() {
    this.#wanted = 0;
    await Promise.all(this.#running);
  }

  /** So far, by the scenarios' names. */
  accounts() {
    return Object.fromEntries(
      [...this.#accounts].map(([name, { begun, outcomes }]) => [
        name,
        { begun, outcomes: { ...outcomes.counts } },
      ]),
    );
  }

  #playNext() {
    const playing = this.#play(draw()).finally(() => {
      this.#running.delete(playing);
      if (this.#running.size < this.#wanted) this.#playNext();
    });
    this.#running.add(playing);
  }

  async #play(scenario) {
    const account = this.#accounts.get(scenario.name);
    let begun = 0;
    const peer = new Peer(this.#ports[scenario.name], () => begun++);
    let timer;
    const hung = new Promise((resolve) => {
      timer = setTimeout(resolve, patience, HUNG);
    });
    const outcome = await Promise.race([ended(scenario, peer), hung]);
    clearTimeout(timer);
    peer.end();
    account.begun += begun;
    account.outcomes.add(outcome);
  }
}

/** How it ended: 'completed', what the scenario calls it, or the code of the error. */
async function ended(scenario, peer) {
  try {
    return (await scenario.run(peer)) ?? 'completed';
  } catch (error) {
    return error.code ?? error.name;
  }
}

let deck = [];

function draw() {
  if (deck.length === 0) {
    deck = scenarios
      .flatMap((scenario) => Array.from({ length: scenario.weight }, () => ({ scenario, at: Math.random() })))
      .sort((one, other) => one.at - other.at)
      .map(({ scenario }) => scenario);
  }
  return deck.pop();
}
