// The core's test program for a target, on this machine: by itself, or under qemu-user for another processor.
import { join } from 'node:path';
import { Refusal, lastLines, run } from '../command.mjs';
import { findCommand, missingTools } from '../build/requirements.mjs';
import { isNative } from './targets.mjs';

/** Tests that qemu-user cannot carry, by a part of their names, each with the reason. */
export const WITHOUT_QEMU = {
  memory_is_locked_and_left_out_of_core_dumps: 'it reads VmFlags in smaps, which qemu does not pass on',
  memory_that_nothing_lies_in_goes_back: 'it counts resident pages, and those are qemu’s',
  memory_that_idle_connections_gave_back: 'it counts resident pages, and those are qemu’s',
  where_memory_runs_out_new_connections:
    'it limits the address space of a child, in which qemu needs gigabytes',
  memory_that_runs_out_within_s2n: 'it limits the address space of a child, in which qemu needs gigabytes',
  where_no_thread_can_be_started: 'it limits the threads of a child, which has those of qemu too',
  freed_memory_stays_with_the_process:
    'it starts its own executable again, which the kernel cannot run without qemu',
  a_flight_is_written_at_once: 'it reads TCP_INFO, which qemu does not translate',
};

/** The command before a program for the target: nothing, or qemu with the target's libraries. */
export function runner({ machine, libc, cpu }) {
  if (isNative({ cpu })) return [];
  const qemu = findCommand(`qemu-${machine}-static`, `qemu-${machine}`);
  if (!qemu) throw new Refusal(missingTools([{ tool: `qemu for ${machine}`, from: 'qemu-user-static' }]));
  return libc === 'glibc' ? [qemu, '-L', `/usr/${machine}-linux-gnu`] : [qemu];
}

/**
 * Runs them. (zig links them statically for musl, so that they need no loader.)
 *
 * @returns {Promise<string>} `91 tests`, or `83 tests under qemu`
 */
export async function runCoreTests(target, out) {
  const skipped = isNative(target) ? [] : Object.keys(WITHOUT_QEMU).map((name) => `-${name}`);
  const [command, ...args] = [...runner(target), join(out, 'core_test'), ...skipped];
  const log = join(out, 'core-test.log');
  const { ok, output } = await run(command, args, { log });
  const count = /^(\d+) tests, 0 failed$/m.exec(output)?.[1];
  if (!ok || count === undefined) {
    const failed = output.split('\n').filter((line) => /^(FAILED|\S+\.(cc|h):\d+)/i.test(line));
    throw new Refusal(
      `core_test failed for ${target.kind} (${log}):\n${lastLines([...failed, output].join('\n'))}`,
    );
  }
  return isNative(target) ? `${count} tests` : `${count} tests under qemu`;
}
