import { expect } from 'chai';
import { compare, type Comparison } from './benchmark.ts';

describe('The benchmark, comparing with another commit', () => {
  const round = (loopMicroseconds: number, processMicroseconds: number): object => ({
    loopMicroseconds,
    processMicroseconds,
  });
  const measured = (today: object[], before: object[]): object[] => [
    {
      name: 'requests',
      contenders: [
        { name: 'node-tls', rounds: today },
        { name: 'local-key', rounds: today },
        { name: 'local-key@0123456789', now: 'local-key', rounds: before },
      ],
    },
  ];
  const compared = (today: object[], before: object[]): Comparison[] => compare(measured(today, before));

  it('calls worse what is worse in every round, and no more than that', () => {
    const comparison = compared(
      [round(11, 10), round(22, 10), round(33, 10)],
      [round(10, 11), round(20, 9), round(30, 10)],
    );
    expect(comparison.map(({ figure, verdict }) => [figure, verdict])).to.deep.equal([
      ['event loop', 'worse'],
      ['process', 'as before'],
    ]);
    expect(comparison[0]?.ratio.median).to.be.closeTo(1.1, 1e-9);
    expect(comparison[0]).to.include({ scenario: 'requests', contender: 'local-key' });
  });

  it('calls better what is better in every round', () => {
    const [loop] = compared([round(9, 1), round(18, 1)], [round(10, 1), round(20, 1)]);
    expect(loop?.verdict).to.equal('better');
  });
});
