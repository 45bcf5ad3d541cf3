import { expect } from 'chai';
import { between, plot, ratioTable, readOutput, report, responseTimes } from './benchmark.ts';

const stamp = {
  date: '2026-01-02T03:04:05.678Z',
  package: '1.2.3',
  node: 'v20.20.0',
  s2nTls: 's2n-tls-sys 0.3.47',
  awsLc: '5.12.0',
  cpu: 'A <fast> CPU',
  kernel: '6.1',
  secondsPerRound: 1,
  rounds: 5,
};
const goal = {
  title: 'Small request',
  what: "event loop's CPU",
  contender: 'local-key',
  against: 'node-tls',
  bound: 'most',
  limit: 0.6,
  value: { median: 0.75, min: 0.7, max: 0.8 },
  met: false,
};
const flat = (value: number): object => ({ median: value, min: value, max: value });
const contender = (name: string, cpu: number): object => ({
  name,
  title: name,
  agreement: 'TLS 1.3',
  summary: {
    loopMicroseconds: flat(cpu),
    processMicroseconds: flat(2 * cpu),
    perSecond: flat(1000),
    latencyP50Microseconds: flat(1500),
    latencyP99Microseconds: flat(2500),
    loadBusy: flat(0.25),
  },
});

describe("the benchmark's results", () => {
  it('are a table of goals and one of each scenario', () => {
    const scenario = {
      title: 'Small request',
      connections: 32,
      unit: 'request',
      columns: 'cost',
      contenders: [contender('node-tls', 10), contender('local-key', 6)],
    };
    const text = report({ stamp, goals: [goal], scenarios: [scenario] });
    expect(text).to.include('s2n-pkey 1.2.3, Node v20.20.0').and.include('nothing pinned');
    expect(text).to.include('Goals: 0 of 1 met');
    expect(text).to.match(
      /Small request: event loop's CPU +local-key \/ node-tls +≤ 0\.60 +0\.75 ±0\.05 +missed/,
    );
    expect(text).to.match(/local-key +6\.0 ±0\.0 +0\.60 +12\.0 ±0\.0 +0\.60 +1,000 +1\.50 +2\.50 +25 %/);
  });

  it('are a plot whose bars are as long as the ratios, and red where a goal is missed', () => {
    const svg = plot({
      stamp,
      goals: [goal, { ...goal, value: { median: 0.375, min: 0.3, max: 0.4 }, met: true }],
    });
    const bars = [...svg.matchAll(/<rect x="590" y="\d+" width="([\d.]+)" height="15" fill="(#\w+)"\/>/g)];
    const [missed, met] = bars.map(([, width, colour]) => ({ width: Number(width), colour }));
    expect(bars).to.have.length(2);
    expect(missed?.width).to.be.closeTo(2 * (met?.width ?? 0), 0.2);
    expect(missed?.colour).to.equal('#c2452d');
    expect(met?.colour).not.to.equal(missed?.colour);
    expect(svg).to.include('A &lt;fast&gt; CPU');
  });

  it('are a table of ratios for the README, without a figure for what was not measured', () => {
    const small = { ...goal, title: 'Small HTTPS request on a kept connection' };
    const slower = { ...small, title: `${small.title}, one process on two cores`, what: 'throughput' };
    const value = { median: 0.9, min: 0.9, max: 0.9 };
    const table = ratioTable({ stamp, goals: [small, { ...slower, value }] }).split('\n');
    expect(table.find((line) => line.startsWith('| Small HTTPS request'))).to.match(
      /\| +0\.75 \| +\| +0\.90 \|$/,
    );
    expect(table.at(-1)).to.contain('2026-01-02').and.contain('A <fast> CPU').and.contain('v20.20.0');
  });

  it('replace what was published before, between the two marks', () => {
    const [begin, end] = [
      '<!-- written by `npm run bench -- --publish` -->',
      '<!-- end of what is written -->',
    ];
    expect(between(`a\n${begin}\nold\n${end}\nb`, 'new')).to.equal(`a\n${begin}\n\nnew\n\n${end}\nb`);
    expect(() => between('a', 'new')).to.throw('lacks');
  });

  it("read h2load's output, and refuse one with a failed request", () => {
    const output = (failed: number): string =>
      `TLS Protocol: TLSv1.3\nCipher: TLS_AES_128_GCM_SHA256\nfinished in 500.5ms, 10.00 req/s, 1KB/s
requests: 10 total, 10 started, 10 done, ${10 - failed} succeeded, ${failed} failed, 0 errored, 0 timeout\n`;
    const { units, elapsed, agreement } = readOutput(output(0), true, { name: 'x' });
    expect({ units, elapsed, agreement }).to.deep.equal({
      units: 10,
      elapsed: 0.5005,
      agreement: 'TLSv1.3 TLS_AES_128_GCM_SHA256',
    });
    expect(() => readOutput(output(1), true, { name: 'x' })).to.throw('h2load on x');
    expect(responseTimes('1\t200\t30\n2\t200\t10\n')).to.deep.equal([10, 30]);
  });
});
