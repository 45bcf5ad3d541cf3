// All rounds of the scenarios that were chosen. In each round every contender has its turn, so that the machine's moods meet them alike.
import { readFileSync } from 'node:fs';
import { say } from '../command.mjs';
import { Contender, contenders } from './contenders.mjs';
import { hasH2load } from './h2load.mjs';
import { measure } from './measure.mjs';
import { summaries } from './statistics.mjs';

const warmUpSeconds = 1;
const mostWarmUpTurns = 5;

export class Competition {
  #place;
  #settings;
  #servers = new Map(); // by contender and variant
  awsLc = 'unknown';

  /**
   * @param {object} place for Contender.start
   * @param {{ seconds: number, rounds: number, contenders: string[], loadProgram: string, earlier?: object[] }} settings
   *   `earlier`: contenders of another commit, from contendersAt
   */
  constructor(place, settings) {
    this.#place = place;
    this.#settings = { ...settings, core: place.cores.load, serverCore: place.cores.server };
  }

  /** @returns {Promise<object | undefined>} as in results.json; undefined when this machine cannot run it, which was said */
  async run(wanted) {
    const scenario = withinDescriptors(wanted);
    const why = this.#whyNot(scenario);
    const entrants = [...contenders, ...(this.#settings.earlier ?? [])].filter(
      ({ name, now = name }) => scenario.contenders.includes(now) && this.#settings.contenders.includes(now),
    );
    if (why) say(`${scenario.name} is left out: ${why}`);
    if (why || entrants.length === 0) return undefined;
    if (scenario.kmsLatency) await (await this.#place.kms()).delaySigning(scenario.kmsLatency);
    try {
      return await this.#compete(scenario, entrants);
    } finally {
      if (scenario.kmsLatency) await (await this.#place.kms()).delaySigning(0);
    }
  }

  /** The servers that are running. */
  get servers() {
    return [...this.#servers.values()];
  }

  async close() {
    await Promise.allSettled(this.servers.map((server) => server.close()));
    this.#servers.clear();
  }

  #whyNot(scenario) {
    if (scenario.tool === 'h2load' && !hasH2load())
      return 'h2load is not installed (`apt-get install nghttp2-client`)';
    return undefined;
  }

  async #compete(scenario, entrants) {
    const rounds = new Map(entrants.map(({ name }) => [name, []]));
    const agreements = {};
    say(`${scenario.name}: ${scenario.title}`);
    for (const entrant of entrants) await this.#warmUp(entrant, scenario);
    for (let round = 1; round <= this.#settings.rounds; round++) {
      for (const entrant of entrants) {
        const result = await this.#turn(entrant, scenario, this.#settings);
        this.awsLc = result.awsLc ?? this.awsLc;
        agreements[entrant.name] = result.agreement;
        rounds.get(entrant.name).push(result.figures);
      }
    }
    return {
      ...scenario,
      contenders: entrants.map(({ name, now, title }) => ({
        name,
        now,
        title,
        agreement: agreements[name],
        summary: summaries(rounds.get(name)),
        rounds: rounds.get(name),
      })),
    };
  }

  /** Node compiles what is hot, the engine's thread starts: a matter of how much was done, not of how long it took. */
  async #warmUp(entrant, scenario) {
    let done = 0;
    for (let turn = 0; turn < mostWarmUpTurns && done < scenario.warmUp; turn++) {
      const { units } = await this.#turn(entrant, scenario, { ...this.#settings, seconds: warmUpSeconds });
      done += units;
    }
  }

  async #turn(entrant, scenario, settings) {
    if (scenario.tool !== 'idle')
      return measure(await this.#server(entrant, scenario.variant), scenario, settings);
    // Memory that a server has used before would hide what it takes now.
    const server = await Contender.start(entrant, scenario.variant, this.#place);
    try {
      return await measure(server, scenario, settings);
    } finally {
      await server.close();
    }
  }

  async #server(entrant, variant) {
    const key = JSON.stringify([entrant.name, variant]);
    if (!this.#servers.has(key)) this.#servers.set(key, await Contender.start(entrant, variant, this.#place));
    return this.#servers.get(key);
  }
}

/** Node raises its soft limit to the hard one, which takes three descriptors a connection here. */
function withinDescriptors(scenario) {
  if (scenario.tool !== 'idle') return scenario;
  const limit = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  const most = Math.floor((limit - 500) / 3);
  if (scenario.connections <= most) return scenario;
  say(
    `${scenario.name}: ${most} connections, since the hard limit of open descriptors is ${limit} (\`ulimit -Hn\`)`,
  );
  return { ...scenario, connections: most };
}
