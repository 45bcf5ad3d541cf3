// What a result means nothing without: versions, machine, pinning.
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { inCheckout } from '../checkout.mjs';

/** `cores` from chooseCores, `awsLc` as the load generator tells it. */
export function stamp({ cores, awsLc, seconds, rounds }) {
  const crates = readFileSync(inCheckout('vendor', 'Cargo.toml'), 'utf8');
  return {
    date: new Date().toISOString(),
    package: JSON.parse(readFileSync(inCheckout('package.json'), 'utf8')).version,
    node: process.version,
    s2nTls: `s2n-tls-sys ${/^s2n-tls-sys = "=(.*)"/m.exec(crates)?.[1] ?? 'unknown'}`,
    awsLc,
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    kernel: release(),
    serverCore: cores.server,
    loadCore: cores.load,
    coresShared: cores.shared ?? false,
    secondsPerRound: seconds,
    rounds,
    loadAverageAtStart: loadavg()[0],
  };
}
