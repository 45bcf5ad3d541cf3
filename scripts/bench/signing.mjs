// What KmsSigner adds to the latency of a KMS, with so many signatures in flight.
import { fileURLToPath } from 'node:url';
import { LineProcess } from '../harness/line-process.mjs';
import { pinned } from './pinning.mjs';

const program = fileURLToPath(new URL('signing-process.mjs', import.meta.url));

/**
 * As the other tools of measure.mjs, in a process of its own that does nothing but sign, on the server's core. Its requests are then sent
 * once more by a client that only writes and reads their bytes, equally many in flight: what that sees is the KMS's own latency, and the
 * difference between the same percentiles of the two is what was added.
 */
export async function measureSigning(contender, scenario, { seconds, serverCore }) {
  const [command, ...args] = pinned(serverCore, [
    process.execPath,
    program,
    String(scenario.connections),
    String(seconds),
  ]);
  const signing = new LineProcess(`signing (${scenario.name})`, command, args, contender.env);
  const { signed, own } = await signing.next('result', 2 * seconds * 1000 + 60_000);
  await signing.end();
  return {
    figures: {
      loopMicroseconds: signed.loopMicroseconds,
      processMicroseconds: signed.processMicroseconds,
      perSecond: signed.perSecond,
      ownP50Microseconds: own.p50,
      ownP99Microseconds: own.p99,
      addedP50Microseconds: signed.p50 - own.p50,
      addedP99Microseconds: signed.p99 - own.p99,
    },
    units: signed.units,
    agreement: '',
  };
}
