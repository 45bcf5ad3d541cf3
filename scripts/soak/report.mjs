// What the soak prints.
import { inWords, total } from '../harness/accounts.mjs';
import { scenarios } from './scenarios.mjs';
import { idleDescriptors } from './verdict.mjs';

const columns = [
  ['time', 8, ({ elapsed }) => clock(elapsed)],
  ['begun', 9, ({ begun }) => begun],
  ['/s', 6, ({ perSecond }) => perSecond.toFixed(0)],
  ['completed', 9, ({ sample }) => sum(sample, ({ secure }) => secure)],
  ['failed', 8, ({ sample }) => sum(sample, ({ failures }) => total(failures))],
  ['RSS MB', 7, ({ sample }) => megabytes(sample.rss)],
  ['native MB', 9, ({ sample }) => megabytes(sample.native)],
  ['heap MB', 7, ({ sample }) => megabytes(sample.heap)],
  ['ext MB', 7, ({ sample }) => megabytes(sample.external)],
  ['arena KB', 8, ({ sample }) => (sample.engine.arenaBytesInUse / 1000).toFixed(0)],
  ['fds', 5, ({ sample }) => idleDescriptors(sample)],
  ['silent', 6, ({ sample }) => sample.engine.silent],
  ['tracked', 7, ({ sample }) => sample.engine.tracked],
  ['handles', 7, ({ sample }) => total(sample.handles)],
];

export function heading() {
  return columns.map(([name, width]) => name.padStart(width)).join(' ');
}

export function row(entry) {
  return columns.map(([, width, text]) => String(text(entry)).padStart(width)).join(' ');
}

/** Each scenario's account, both sides. */
export function finalAccounts({ load, sample }) {
  const lines = scenarios.map(({ name }) => {
    const { begun, outcomes } = load[name];
    const { secure, failures, errors } = sample.accounts[name];
    const served = [
      ...(secure > 0 ? [`completed ${secure}`] : []),
      ...(total(failures) > 0 ? [`failed: ${inWords(failures)}`] : []),
      ...(total(errors) > 0 ? [`sockets' errors: ${inWords(errors)}`] : []),
    ];
    return `  ${name.padEnd(18)} ${String(begun).padStart(8)}  server: ${served.join('; ')} | client: ${inWords(outcomes)}`;
  });
  return ['Accounts', ...lines].join('\n');
}

function sum(sample, of) {
  return Object.values(sample.accounts).reduce((all, account) => all + of(account), 0);
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

function clock(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  const two = (number) => String(number).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
