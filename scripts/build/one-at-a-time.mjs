// Two set-ups of one checkout at once, such as `npm test` beside `npm run demo`, would write each other's build folder.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { root } from '../checkout.mjs';
import { say } from '../command.mjs';

const checkout = createHash('sha256').update(root).digest('hex').slice(0, 16);
const lock = join(tmpdir(), `s2n-pkey-${userInfo().uid}-${checkout}.lock`);
let isHeld = false;

/** Does some work while no other process does work on this checkout; waits for its turn. */
export async function oneAtATime(work) {
  if (isHeld) return await work();
  await take();
  isHeld = true;
  try {
    return await work();
  } finally {
    isHeld = false;
    rmSync(lock, { force: true });
  }
}

async function take() {
  let said = false;
  let nameless = 0;
  while (!tryToTake()) {
    const holder = readHolder();
    nameless = holder === undefined ? nameless + 1 : 0;
    if (nameless > 25 || (holder !== undefined && !existsSync(`/proc/${holder}`))) {
      rmSync(lock, { force: true }); // whoever made it was killed
      continue;
    }
    if (!said && holder !== undefined)
      say(`process ${holder} is building in this checkout; waiting for it ...`);
    said ||= holder !== undefined;
    await setTimeout(200);
  }
}

function tryToTake() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The process that has the lock; undefined in the moment between its making the file and writing there. */
function readHolder() {
  try {
    return Number.parseInt(readFileSync(lock, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}
