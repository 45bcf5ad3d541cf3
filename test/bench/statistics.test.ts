import { expect } from 'chai';
import { pairedRatio, percentile, summaries, summary } from './benchmark.ts';

describe("the benchmark's statistics", () => {
  it('take the median of an odd and of an even number of rounds, and their extremes', () => {
    expect(summary([3, 1, 2])).to.deep.equal({ median: 2, min: 1, max: 3 });
    expect(summary([4, 1, 2, 3])).to.deep.equal({ median: 2.5, min: 1, max: 4 });
  });

  it('summarise each figure of the rounds', () => {
    expect(
      summaries([
        { a: 1, b: 10 },
        { a: 3, b: 30 },
      ]),
    ).to.deep.equal({
      a: { median: 2, min: 1, max: 3 },
      b: { median: 20, min: 10, max: 30 },
    });
  });

  it('compare round by round, not the medians', () => {
    const ours = [{ cpu: 1 }, { cpu: 30 }, { cpu: 10 }];
    const theirs = [{ cpu: 2 }, { cpu: 10 }, { cpu: 20 }];
    expect(pairedRatio(ours, theirs, 'cpu')).to.deep.equal({ median: 0.5, min: 0.5, max: 3 });
  });

  it('find the value that a share does not exceed', () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(percentile(values, 0.5)).to.equal(50);
    expect(percentile(values, 0.99)).to.equal(99);
    expect(percentile([7], 0.99)).to.equal(7);
  });
});
