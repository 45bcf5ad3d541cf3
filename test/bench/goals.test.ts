import { expect } from 'chai';
import { contenders, evaluate, goals, scenarios } from './benchmark.ts';

const round = (loopMicroseconds: number, processMicroseconds: number): Record<string, number> => ({
  loopMicroseconds,
  processMicroseconds,
});

/** Small requests as they stand in results.json, by rounds of node:tls and of this package. */
function requests(nodeTls: Record<string, number>[], localKey: Record<string, number>[]): object[] {
  return [
    {
      name: 'requests',
      title: 'Small request',
      contenders: [
        { name: 'node-tls', rounds: nodeTls },
        { name: 'local-key', rounds: localKey },
      ],
    },
  ];
}

describe("the benchmark's goals", () => {
  it('name scenarios and contenders that there are', () => {
    for (const goal of goals) {
      const scenario = scenarios.find(({ name }) => name === goal.scenario);
      expect(scenario, goal.scenario).to.include({ goal: true });
      const entrants = [goal.contender, goal.against].filter((name) => name !== undefined);
      expect(scenario?.contenders, goal.scenario).to.include.members(entrants);
      expect(contenders.map(({ name }) => name)).to.include.members(entrants);
    }
  });

  it('are met or missed by the ratio of what was measured', () => {
    const [loop, process, ...others] = evaluate(requests([round(10, 10)], [round(6, 11.6)]));
    expect(others).to.deep.equal([]);
    expect(loop).to.deep.include({ met: true, value: { median: 0.6, min: 0.6, max: 0.6 } });
    expect(process?.met).to.equal(false);
    expect(process?.value.median).to.be.closeTo(1.16, 1e-9);
  });

  it('compare turns that came next to each other, whatever the mood of the machine was in each round', () => {
    const nodeTls = [round(10, 10), round(40, 40), round(20, 20)];
    const localKey = [round(5, 10), round(20, 40), round(10, 20)];
    const [loop] = evaluate(requests(nodeTls, localKey));
    expect(loop?.value).to.deep.equal({ median: 0.5, min: 0.5, max: 0.5 });
  });

  it('are left out where a contender was not measured', () => {
    expect(evaluate([])).to.deep.equal([]);
    const [scenario] = requests([round(10, 10)], [round(6, 6)]) as { contenders: object[] }[];
    expect(evaluate([{ ...scenario, contenders: scenario?.contenders.slice(0, 1) }])).to.deep.equal([]);
  });
});
